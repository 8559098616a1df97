/** Where to go after signing in: a path of this console, or null. What a browser would read as another host is none. */
export function nextPath(asked: string | string[] | undefined): string | null {
  if (typeof asked !== "string" || !asked.startsWith("/") || !URL.canParse(asked, BASE)) return null;
  const url = new URL(asked, BASE);
  const path = url.pathname + url.search + url.hash;
  // The parser takes tabs out and turns backslashes round, so the result is looked at again.
  return url.origin === BASE && !/^\/[/\\]/.test(asked) && !path.startsWith("//") ? path : null;
}

const BASE = "http://console.invalid";
