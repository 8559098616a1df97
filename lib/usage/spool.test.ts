import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { beginning, leftSpools, type Position, readLines, removeSpool, Spool } from "@/lib/usage/spool";

let root = "";
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-spool-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const linesOf = (bytes: Buffer) => bytes.toString().split("\n").slice(0, -1);

function readAll(folder: string, most: number): string[] {
  const lines: string[] = [];
  for (let at: Position = beginning; ; ) {
    const { bytes, next } = readLines(folder, at, most);
    if (bytes.length === 0) return lines;
    lines.push(...linesOf(bytes));
    at = next;
  }
}

/** Ends a spool and leaves nothing. */
function discard(spool: Spool): void {
  spool.close();
  removeSpool(spool.folder);
}

function writeOwner(spool: Spool, owner: object): void {
  fs.writeFileSync(path.join(spool.folder, "owner.json"), JSON.stringify(owner));
}

describe("a spool", () => {
  test("has a line in its file before the append resolves", async () => {
    const spool = new Spool(root);
    await spool.append("first");
    expect(fs.readFileSync(path.join(spool.folder, "00000000.log"), "utf8")).toBe("first\n");
    discard(spool);
  });

  test("gives back every line once and in order, whatever the batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: "grapheme" }).map((text) => text.replace(/\n/g, " ")),
          { maxLength: 60 },
        ),
        fc.integer({ min: 1, max: 300 }),
        async (lines, most) => {
          const spool = new Spool(root);
          await Promise.all(lines.map((line) => spool.append(line)));
          expect(readAll(spool.folder, most)).toEqual(lines);
          discard(spool);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("goes on in new segments, and forgets those that were drained", async () => {
    const spool = new Spool(root);
    const line = "x".repeat(64 * 1024);
    for (let i = 0; i < 300; i++) await spool.append(`${i} ${line}`);
    const segments = () => fs.readdirSync(spool.folder).filter((name) => name.endsWith(".log"));
    expect(segments().length).toBeGreaterThan(2);
    let at: Position = beginning;
    let read = 0;
    for (;;) {
      const { bytes, next } = readLines(spool.folder, at, 3_000_000);
      if (bytes.length === 0) break;
      for (const text of linesOf(bytes)) expect(text.startsWith(`${read++} `)).toBe(true);
      at = next;
      spool.forget(at);
    }
    expect(read).toBe(300);
    expect(segments()).toHaveLength(1);
    discard(spool);
  });

  test("leaves out a last line without its end: it was never acknowledged", async () => {
    const spool = new Spool(root);
    await spool.append("whole");
    fs.appendFileSync(path.join(spool.folder, "00000000.log"), '{"half":');
    expect(readAll(spool.folder, 10)).toEqual(["whole"]);
    discard(spool);
  });

  test("has what came in one turn of the event loop in one write", async () => {
    const spool = new Spool(root);
    const write = vi.spyOn(fs, "writeSync");
    try {
      await Promise.all(Array.from({ length: 50 }, (_, i) => spool.append(`line ${i}`)));
      expect(write).toHaveBeenCalledTimes(1);
    } finally {
      write.mockRestore();
    }
    expect(spool.written).toBe(50);
    discard(spool);
  });

  test("writes what is gathered for a turn with it, and lets those who wait for the turn go on after that", async () => {
    const spool = new Spool(root);
    spool.beforeWrite = () => void spool.append("gathered", 12);
    await spool.turn();
    expect(readAll(spool.folder, 100)).toEqual(["gathered"]);
    discard(spool);
  });

  test("is seen by others only once it says whose it is", () => {
    fs.mkdirSync(path.join(root, ".spl_half"));
    fs.mkdirSync(path.join(root, "lost+found"));
    expect(leftSpools(root, Date.now())).toEqual([]);
  });

  test("goes on in a folder of the same name when its own is gone", async () => {
    const spool = new Spool(root);
    await spool.append("before");
    fs.renameSync(spool.folder, `${spool.folder}.done`);
    spool.reopen(0);
    await spool.append("after");
    expect(readAll(spool.folder, 100)).toEqual(["after"]);
    expect(leftSpools(root, Date.now())).toEqual([]);
    discard(spool);
  });

  test("counts calls that a full disk does not take, lets their callers go on, and is whole again when there is room", async () => {
    const spool = new Spool(root);
    await spool.append("before");
    const real = fs.writeSync;
    const write = vi
      .spyOn(fs, "writeSync")
      .mockImplementationOnce(((fd: number, bytes: Buffer) => real(fd, bytes, 0, 7)) as typeof fs.writeSync);
    write.mockImplementationOnce(() => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    });
    await Promise.all([spool.append("a line that fits in part"), spool.append("a sum", 30)]);
    write.mockRestore();
    await spool.append("after");
    expect([spool.written, spool.lost]).toEqual([2, 31]);
    expect(readAll(spool.folder, 100)).toEqual(["before", "after"]);
    discard(spool);
  });

  test("that is closed counts what comes too late, and writes it nowhere", async () => {
    const spool = new Spool(root);
    await spool.append("before");
    spool.close();
    await spool.append("after");
    expect([spool.written, spool.lost]).toEqual([1, 1]);
    expect(readAll(spool.folder, 100)).toEqual(["before"]);
  });

  test("has what was appended in the turn in which it is closed", async () => {
    const spool = new Spool(root);
    const last = spool.append("last");
    spool.close();
    await last;
    expect(readAll(spool.folder, 100)).toEqual(["last"]);
  });

  test("is left behind when its process is gone, and only then", async () => {
    const mine = new Spool(root);
    const gone = new Spool(root);
    writeOwner(gone, { host: os.hostname(), pid: 2 ** 22 + 1, startedAt: "1" });
    const reused = new Spool(root);
    writeOwner(reused, { host: os.hostname(), pid: process.pid, startedAt: "another start" });
    const elsewhere = new Spool(root);
    writeOwner(elsewhere, { host: "another-host", pid: 1, startedAt: "1" });
    const left = (at: number) =>
      leftSpools(root, at)
        .map(({ name }) => name)
        .sort();
    expect(left(Date.now())).toEqual([gone.name, reused.name].sort());
    expect(left(Date.now() + 120_000)).toEqual([gone.name, reused.name, elsewhere.name].sort());
    for (const spool of [mine, gone, reused, elsewhere]) discard(spool);
  });
});
