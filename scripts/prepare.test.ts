import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

interface Entry {
  version?: string;
  integrity?: string;
  optional?: boolean;
  devOptional?: boolean;
  dev?: boolean;
}
type Lock = { packages: Record<string, Entry> };

const {
  checkNode,
  explain,
  hashOf,
  isInstallStale,
}: {
  checkNode(version: string): void;
  explain(output: string, sentence: string): Error & { output: string };
  hashOf(places: string[], base: string): string;
  isInstallStale(lock: Lock, installed: Lock | undefined, dev: boolean): boolean;
} = await import(pathToFileURL(path.resolve("scripts/prepare.mjs")).href);

describe("packages are installed again", () => {
  const lock: Lock = {
    packages: {
      "": {},
      "node_modules/a": { version: "1.0.0", integrity: "x" },
      "node_modules/tool": { version: "2.0.0", dev: true },
      "node_modules/other-platform": { version: "3.0.0", optional: true },
    },
  };
  const without = (name: string): Lock => ({
    packages: Object.fromEntries(Object.entries(lock.packages).filter(([place]) => place !== `node_modules/${name}`)),
  });
  const having = (name: string, entry: Entry): Lock => ({ packages: { ...lock.packages, [`node_modules/${name}`]: entry } });

  test.each([
    ["never installed", undefined, false, true],
    ["all there", lock, true, false],
    ["one is missing", without("a"), false, true],
    ["another version", having("a", { version: "1.0.1" }), false, true],
    ["the same version with other content", having("a", { version: "1.0.0", integrity: "y" }), false, true],
    ["what only other platforms need is missing", without("other-platform"), true, false],
    ["a tool is missing, for a start", without("tool"), false, false],
    ["a tool is missing, for the tests", without("tool"), true, true],
    ["one too many", having("extra", { version: "1.0.0" }), true, false],
  ])("%s", (_, installed, dev, stale) => {
    expect(isInstallStale(lock, installed, dev)).toBe(stale);
  });
});

describe("a part is made again when its sources change", () => {
  let base: string;
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(base, file)), { recursive: true });
    fs.writeFileSync(path.join(base, file), text);
  };
  const hash = () => hashOf(["app", "server.ts", "missing"], base);

  beforeEach(() => {
    base = fs.mkdtempSync(path.join(os.tmpdir(), "latchkey-prepare-"));
    write("app/a.ts", "1");
    write("app/b/c.ts", "2");
    write("server.ts", "3");
  });
  afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

  test.each([
    ["content", () => write("app/b/c.ts", "changed")],
    ["a new file", () => write("app/d.ts", "4")],
    ["a removed file", () => fs.rmSync(path.join(base, "app/a.ts"))],
    ["a new name", () => fs.renameSync(path.join(base, "app/a.ts"), path.join(base, "app/z.ts"))],
    ["text moved from one file to the next", () => [write("app/a.ts", ""), write("app/b/c.ts", "12")]],
  ])("%s", (_, change) => {
    const before = hash();
    change();
    expect(hash()).not.toBe(before);
  });

  test.each([
    ["a test", () => write("app/a.test.ts", "x")],
    ["a hidden file", () => write("app/.DS_Store", "x")],
    ["a file elsewhere", () => write("README.md", "x")],
    ["the time of a file", () => fs.utimesSync(path.join(base, "app/a.ts"), 0, 0)],
  ])("not for %s", (_, change) => {
    const before = hash();
    change();
    expect(hash()).toBe(before);
  });
});

describe("what went wrong is one sentence", () => {
  test.each([
    [
      "npm error code ENOSPC\nnpm error nospc ENOSPC: no space left on device, write",
      /^The disk that holds .* is full: free some space and start again\.$/,
    ],
    ["Error: EACCES: permission denied, mkdir '/x/.next'", /^Cannot write to .*: give the user who starts Latchkey write access to it\.$/],
    ["npm error network request to https://registry.npmjs.org/x failed, reason: getaddrinfo ENOTFOUND", /^npm cannot reach its registry/],
    ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", /^There is not enough memory/],
    ["something else", /^It failed\.$/],
  ])("%s", (output, sentence) => {
    expect(explain(output, "It failed.").message).toMatch(sentence);
  });

  test("of a long output the end is shown", () => {
    const output = Array.from({ length: 100 }, (_, line) => `line ${line}`).join("\n");
    expect(explain(output, "It failed.").output.split("\n")).toHaveLength(40);
  });

  test("an old Node.js", () => {
    for (const version of ["20.19.0", "22.1.0", "24.0.0"]) expect(() => checkNode(version)).not.toThrow();
    for (const version of ["18.20.4", "20.18.3"])
      expect(() => checkNode(version)).toThrow(`Latchkey needs Node.js 20.19 or newer, and this is ${version}`);
  });
});
