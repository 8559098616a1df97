import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { beginning, leftSpools, type Position, readLines, Spool } from "@/lib/usage/spool";

let root = "";
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-spool-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function readAll(folder: string, most: number): string[] {
  const lines: string[] = [];
  for (let at: Position = beginning; ; ) {
    const { lines: more, next } = readLines(folder, at, most);
    if (more.length === 0) return lines;
    lines.push(...more);
    at = next;
  }
}

describe("a spool", () => {
  test("has a line in its file before the append resolves", async () => {
    const spool = new Spool(root);
    await spool.append("first");
    expect(fs.readFileSync(path.join(spool.folder, "00000000.log"), "utf8")).toBe("first\n");
    spool.close(true);
  });

  test("gives back every line once and in order, whatever the batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: "grapheme" }).map((text) => text.replace(/\n/g, " ")),
          { maxLength: 60 },
        ),
        fc.integer({ min: 1, max: 9 }),
        async (lines, most) => {
          const spool = new Spool(root);
          await Promise.all(lines.map((line) => spool.append(line)));
          expect(readAll(spool.folder, most)).toEqual(lines);
          spool.close(true);
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
      const { lines, next } = readLines(spool.folder, at, 50);
      if (lines.length === 0) break;
      for (const text of lines) expect(text.startsWith(`${read++} `)).toBe(true);
      at = next;
      spool.forget(at);
    }
    expect(read).toBe(300);
    expect(segments()).toHaveLength(1);
    spool.close(true);
    expect(fs.existsSync(spool.folder)).toBe(false);
  });

  test("leaves out a last line without its end: it was never acknowledged", async () => {
    const spool = new Spool(root);
    await spool.append("whole");
    fs.appendFileSync(path.join(spool.folder, "00000000.log"), '{"half":');
    expect(readAll(spool.folder, 10)).toEqual(["whole"]);
    spool.close(true);
  });

  test("counts what a broken file does not take, and lets its caller go on", async () => {
    const spool = new Spool(root);
    await spool.append("before");
    spool.close(false); // from here on every write fails
    await spool.append("after").catch(() => undefined);
    expect(spool.written).toBe(1);
    expect(spool.lost).toBe(1);
    expect(readAll(spool.folder, 10)).toEqual(["before"]);
  });

  test("is left behind when its process is gone, and only then", async () => {
    const mine = new Spool(root);
    const gone = new Spool(root);
    fs.writeFileSync(path.join(gone.folder, "owner.json"), JSON.stringify({ host: os.hostname(), pid: 2 ** 22 + 1, startedAt: "1" }));
    const reused = new Spool(root);
    fs.writeFileSync(
      path.join(reused.folder, "owner.json"),
      JSON.stringify({ host: os.hostname(), pid: process.pid, startedAt: "another start" }),
    );
    const elsewhere = new Spool(root);
    fs.writeFileSync(path.join(elsewhere.folder, "owner.json"), JSON.stringify({ host: "another-host", pid: 1, startedAt: "1" }));
    const left = (at: number) =>
      leftSpools(root, at)
        .map(({ name }) => name)
        .sort();
    expect(left(Date.now())).toEqual([gone.name, reused.name].sort());
    expect(left(Date.now() + 120_000)).toEqual([gone.name, reused.name, elsewhere.name].sort());
    for (const spool of [mine, gone, reused, elsewhere]) spool.close(true);
  });
});
