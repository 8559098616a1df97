/**
 * One value per process. Next bundles a second copy of `lib`, so module variables exist twice;
 * pools, stores and buffers live here instead, on a key both copies share.
 */
const KEY = Symbol.for("latchkey.runtime");
const shared = globalThis as { [KEY]?: Map<string, unknown> };
shared[KEY] ??= new Map();
const registry = shared[KEY];

/** The process-wide value called `name`, created at first use. Callers of one name must agree on its type. */
export function once<T>(name: string, create: () => T): T {
  if (!registry.has(name)) registry.set(name, create());
  return registry.get(name) as T;
}

/** Puts a value in place before anyone asks for it (the server at start, a test in its set-up). */
export function provide<T>(name: string, value: T): T {
  registry.set(name, value);
  return value;
}
