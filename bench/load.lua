-- wrk … -s load.lua <url> -- <file>: sends the requests of the file in turn (each stands after a line with its length), then says in
-- one line of JSON what came of it.
local requests, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local size = file:read("*n")
  while size do
    file:read(1)
    requests[#requests + 1] = file:read(size)
    size = file:read("*n")
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"total":%d,"failed":%d,"micros":%d,"p50":%d,"p99":%d}\n', summary.requests,
    e.status + e.connect + e.read + e.write + e.timeout, summary.duration, latency:percentile(50), latency:percentile(99)))
end
