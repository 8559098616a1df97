import "server-only";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { now } from "@/lib/clock";
import { newId } from "@/lib/ids";
import { describe, log } from "@/lib/log";

/**
 * A process's own file of lines, cut into segments. A line is in the file before `append` resolves, so that killing the process loses
 * none (a write, not an fsync: only the machine's end can). Written once per turn of the event loop, however many lines came in it.
 * A full disk lets the caller go on: what did not fit is counted. Why a file: the database may be away, and memory dies with the process.
 */

const SEGMENT_BYTES = 8 * 1024 * 1024;
const BUFFER_BYTES = 256 * 1024;
const OWNER = "owner.json";
/** What the name of a folder ends in whose records are all in the database. */
const DONE = ".done";
/** How often an owner says that it lives, and after which silence one on another machine is taken for dead. */
const HEARTBEAT_MS = 10_000;
const SILENT_MS = 60_000;

/** Everything before `offset` (bytes) of `segment` has been dealt with. */
export interface Position {
  segment: number;
  offset: number;
}

export const beginning: Position = { segment: 0, offset: 0 };

/** Whole lines from a position on, about so many bytes of them, and the position after them. A line without its end was never acknowledged. */
export function readLines(folder: string, from: Position, bytes: number): { bytes: Buffer; next: Position } {
  let { segment, offset } = from;
  for (let most = bytes; ; ) {
    const chunk = readFrom(segmentFile(folder, segment), offset, most);
    const end = chunk.lastIndexOf(10) + 1;
    if (end > 0) return { bytes: chunk.subarray(0, end), next: { segment, offset: offset + end } };
    if (chunk.length === most) {
      most *= 4; // a line longer than all that was read
    } else if (fs.existsSync(segmentFile(folder, segment + 1))) {
      segment += 1; // its writer has gone on to the next
      offset = 0;
    } else {
      return { bytes: chunk.subarray(0, 0), next: { segment, offset } };
    }
  }
}

function readFrom(file: string, offset: number, most: number): Buffer {
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
  try {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(most, fs.fstatSync(fd).size - offset)));
    return buffer.subarray(0, fs.readSync(fd, buffer, 0, buffer.length, offset));
  } finally {
    fs.closeSync(fd);
  }
}

export class Spool {
  readonly name: string;
  readonly folder: string;
  /** Called before a turn is written: may append what it gathered. */
  beforeWrite: () => void = () => undefined;
  /** Lines in the file. */
  written = 0;
  /** Calls whose line did not fit. */
  lost = 0;
  #segment = 0;
  #size = 0;
  #fd: number;
  #text = "";
  #lines = 0;
  #calls = 0;
  #turn: Promise<void> | null = null;
  #done: () => void = () => undefined;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #heartbeat: NodeJS.Timeout;

  /** Opens a new spool below `root`. Throws what the file system throws. */
  constructor(root: string) {
    this.name = newId("spl");
    this.folder = path.join(root, this.name);
    this.#fd = this.#open(0);
    this.#heartbeat = setInterval(() => sayAlive(this.folder), HEARTBEAT_MS).unref();
  }

  /** Others see the folder only once it says whose it is. */
  #open(segment: number): number {
    const hidden = path.join(path.dirname(this.folder), `.${this.name}`);
    fs.mkdirSync(hidden, { recursive: true, mode: 0o700 });
    fs.writeFileSync(path.join(hidden, OWNER), JSON.stringify(thisProcess()), { mode: 0o600 });
    sayAlive(hidden);
    const fd = fs.openSync(segmentFile(hidden, segment), "a", 0o600);
    fs.renameSync(hidden, this.folder);
    return fd;
  }

  /** Goes on in another folder of the same name, from that segment on, when its own is gone: removed, or this process taken for dead. */
  reopen(segment: number): void {
    const fd = this.#open(segment);
    fs.closeSync(this.#fd);
    this.#fd = fd;
    this.#segment = segment;
    this.#size = 0;
  }

  /** Resolves when the line, which counts that many calls, is in the file, or is counted as lost. */
  append(line: string, calls = 1): Promise<void> {
    this.#text += `${line}\n`;
    this.#lines += 1;
    this.#calls += calls;
    return this.turn();
  }

  /** Resolves when this turn of the event loop is in the file. One promise for all that came in it. */
  turn(): Promise<void> {
    if (this.#turn === null) {
      this.#turn = new Promise((done) => {
        this.#done = done;
      });
      setImmediate(() => this.#write());
    }
    return this.#turn;
  }

  #write(): void {
    if (this.#turn === null) return; // closed meanwhile
    this.beforeWrite();
    const text = this.#text;
    const done = this.#done;
    this.#turn = null;
    try {
      this.#append(text);
      this.written += this.#lines;
    } catch (error) {
      if (this.lost === 0) log("error", "usage records are being lost: the spool cannot be written", describe(error));
      this.lost += this.#calls;
      this.#cutTail();
    }
    this.#text = "";
    this.#lines = 0;
    this.#calls = 0;
    done();
  }

  #append(text: string): void {
    // No character takes more than three bytes for each unit of its length.
    const fits = text.length * 3 <= BUFFER_BYTES;
    const bytes = fits ? this.#buffer.subarray(0, this.#buffer.write(text)) : Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at, bytes.length - at);
    this.#size += bytes.length;
    if (this.#size >= SEGMENT_BYTES) this.#nextSegment();
  }

  #nextSegment(): void {
    let fd: number;
    try {
      fd = fs.openSync(segmentFile(this.folder, this.#segment + 1), "a", 0o600);
    } catch {
      return; // goes on in this one: what was written is written
    }
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

  /** Ends the writing. */
  close(): void {
    clearInterval(this.#heartbeat);
    this.#write();
    fs.closeSync(this.#fd);
    this.#fd = -1; // its number may be another file's by the time of a late append
  }
}

function sayAlive(folder: string): void {
  try {
    const at = now() / 1000;
    fs.utimesSync(path.join(folder, OWNER), at, at);
  } catch {
    // The folder is gone, which the drain finds out, or the disk fails: the process's number says the same on this machine.
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

export interface LeftSpool {
  name: string;
  folder: string;
  /** All its records are in the database; what remains is to settle and remove it. */
  done: boolean;
}

/** The spools below `root` whose process is gone. */
export function leftSpools(root: string, nowMs: number): LeftSpool[] {
  if (!fs.existsSync(root)) return [];
  return fs
    .readdirSync(root)
    .filter((entry) => /^spl_\w+(\.done)?$/.test(entry) && !isAlive(path.join(root, entry, OWNER), nowMs))
    .map((entry) => ({ name: entry.replace(DONE, ""), folder: path.join(root, entry), done: entry.endsWith(DONE) }));
}

/** Puts a folder out of reach of everybody who would still drain it. Gives back its new name. Throws when it is gone already. */
export function setAside(folder: string): string {
  fs.renameSync(folder, folder + DONE);
  return folder + DONE;
}

export function removeSpool(folder: string): void {
  fs.rmSync(folder, { recursive: true, force: true });
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
