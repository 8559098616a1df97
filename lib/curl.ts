/** The same call for a terminal: every form of the console shows its own. Browser-safe, pure. */

export interface CurlCall {
  /** As declared, such as `PATCH /v1/api-keys/{id}`. */
  route: string;
  params?: Record<string, string>;
  query?: Record<string, string | number | boolean | undefined>;
  body?: object;
  /** Lines that say who calls, as a shell takes them; without them the key. */
  headers?: readonly string[];
}

const BY_KEY = ['"Authorization: Bearer $LATCHKEY_API_KEY"'];

/** A command for a POSIX shell. The key is read from the variable LATCHKEY_API_KEY, so that no secret stands in it. */
export function toCurl({ route, params = {}, query = {}, body, headers = BY_KEY }: CurlCall, baseUrl: string): string {
  const [method, path = ""] = route.split(" ");
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
  const lines = [
    `curl ${method === "GET" ? "" : `-X ${method} `}${quote(`${baseUrl}${filled}${search.size === 0 ? "" : `?${search}`}`)}`,
    ...headers.map((header) => `-H ${header}`),
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json'`, `-d ${quote(JSON.stringify(body))}`]),
  ];
  return lines.join(" \\\n  ");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
