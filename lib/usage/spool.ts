import "server-only";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { newId } from "@/lib/ids";
import { describe, log } from "@/lib/log";

/**
 * A process's own file of lines, cut into segments. A line is in the file before `append` resolves, so that killing the process loses
 * none (a write, not an fsync: only the machine's end can). Written once per turn of the event loop, however many lines came in it.
 * A full disk lets the caller go on: what did not fit is counted. Why a file: the database may be away, and memory dies with the process.
 */

const SEGMENT_BYTES = 8 * 1024 * 1024;
/** How often an owner says that it lives, and after which silence one on another machine is taken for dead. */
const HEARTBEAT_MS = 10_000;
const SILENT_MS = 60_000;

/** Everything before `offset` (bytes) of `segment` has been dealt with. */
export interface Position {
  segment: number;
  offset: number;
}

export const beginning: Position = { segment: 0, offset: 0 };

/** Up to `most` whole lines from a position on, and the position after them. A line without its end was never acknowledged. */
export function readLines(folder: string, from: Position, most: number): { lines: string[]; next: Position } {
  let { segment, offset } = from;
  const lines: string[] = [];
  while (lines.length < most) {
    let bytes = 64 * 1024;
    let chunk = readFrom(segmentFile(folder, segment), offset, bytes);
    while (chunk.length === bytes && !chunk.includes(10)) {
      bytes *= 4; // a line longer than all that was read
      chunk = readFrom(segmentFile(folder, segment), offset, bytes);
    }
    const end = chunk.lastIndexOf(10) + 1;
    if (end === 0) {
      if (!fs.existsSync(segmentFile(folder, segment + 1))) break;
      segment += 1; // its writer has gone on to the next
      offset = 0;
      continue;
    }
    const whole = chunk
      .subarray(0, end)
      .toString("utf8")
      .split("\n")
      .slice(0, -1)
      .slice(0, most - lines.length);
    lines.push(...whole);
    offset += Buffer.byteLength(whole.join("\n")) + 1;
  }
  return { lines, next: { segment, offset } };
}

function readFrom(file: string, offset: number, bytes: number): Buffer {
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, fs.readSync(fd, buffer, 0, buffer.length, offset));
  } finally {
    fs.closeSync(fd);
  }
}

export class Spool {
  readonly name: string;
  readonly folder: string;
  #segment = 0;
  #size = 0;
  #fd: number;
  #lines: string[] = [];
  #waiting: (() => void)[] = [];
  #heartbeat: NodeJS.Timeout;
  /** Lines in the file, and lines that did not fit. */
  written = 0;
  lost = 0;

  /** Opens a new spool below `root`. Throws what the file system throws. */
  constructor(root: string) {
    this.name = newId("spl");
    this.folder = path.join(root, this.name);
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#fd = fs.openSync(segmentFile(this.folder, 0), "a", 0o600);
    this.#sayAlive();
    this.#heartbeat = setInterval(() => this.#sayAlive(), HEARTBEAT_MS).unref();
  }

  /** Resolves when the line is in the file, or is counted as lost. */
  append(line: string): Promise<void> {
    return new Promise((done) => {
      if (this.#lines.length === 0) setImmediate(() => this.#write());
      this.#lines.push(`${line}\n`);
      this.#waiting.push(done);
    });
  }

  #write(): void {
    const lines = this.#lines;
    const waiting = this.#waiting;
    this.#lines = [];
    this.#waiting = [];
    const bytes = Buffer.from(lines.join(""));
    try {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at);
      this.#size += bytes.length;
      this.written += lines.length;
      if (this.#size >= SEGMENT_BYTES) this.#nextSegment();
    } catch (error) {
      if (this.lost === 0) log("error", "usage records are being lost: the spool cannot be written", describe(error));
      this.lost += lines.length;
      this.#cutTail();
    }
    for (const done of waiting) done();
  }

  #nextSegment(): void {
    const fd = fs.openSync(segmentFile(this.folder, this.#segment + 1), "a", 0o600);
    fs.closeSync(this.#fd);
    this.#fd = fd;
    this.#segment += 1;
    this.#size = 0;
  }

  /** Half a line must not stand before the next whole one. */
  #cutTail(): void {
    try {
      fs.ftruncateSync(this.#fd, this.#size);
    } catch (error) {
      log("error", "the end of the spool cannot be mended", describe(error));
    }
  }

  /** Removes the segments that lie wholly before a position. */
  forget(before: Position): void {
    for (let segment = before.segment - 1; segment >= 0; segment--) {
      const file = segmentFile(this.folder, segment);
      if (!fs.existsSync(file)) return;
      fs.rmSync(file, { force: true });
    }
  }

  /** Ends the writing. With `remove` (all of it was dealt with) the folder goes as well. */
  close(remove: boolean): void {
    clearInterval(this.#heartbeat);
    if (this.#lines.length > 0) this.#write();
    fs.closeSync(this.#fd);
    if (remove) fs.rmSync(this.folder, { recursive: true, force: true });
  }

  #sayAlive(): void {
    try {
      fs.writeFileSync(path.join(this.folder, "owner.json"), JSON.stringify(thisProcess()), { mode: 0o600 });
    } catch {
      // A full disk: the process's own number says the same on this machine.
    }
  }
}

interface Owner {
  host: string;
  pid: number;
  /** Numbers of processes are used again; their beginnings are not. */
  startedAt: string;
}

function thisProcess(): Owner {
  return { host: os.hostname(), pid: process.pid, startedAt: startOf(process.pid) };
}

/** When a process of this machine began, in its own words; empty where the system does not say. */
function startOf(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** The spools below `root` whose process is gone. */
export function leftSpools(root: string, nowMs: number): { name: string; folder: string }[] {
  if (!fs.existsSync(root)) return [];
  const spools = fs.readdirSync(root).map((name) => ({ name, folder: path.join(root, name) }));
  return spools.filter(({ folder }) => !isAlive(path.join(folder, "owner.json"), nowMs));
}

function isAlive(ownerFile: string, nowMs: number): boolean {
  let owner: Owner;
  let saidAt: number;
  try {
    owner = JSON.parse(fs.readFileSync(ownerFile, "utf8")) as Owner;
    saidAt = fs.statSync(ownerFile).mtimeMs;
  } catch {
    return false;
  }
  if (owner.host !== os.hostname()) return nowMs - saidAt < SILENT_MS;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return startOf(owner.pid) === owner.startedAt;
}

function segmentFile(folder: string, segment: number): string {
  return path.join(folder, `${String(segment).padStart(8, "0")}.log`);
}
