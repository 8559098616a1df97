/** Tells the bench where this process listens. It ends when the bench does. */
export function announce(port, more = {}) {
  process.send({ url: `http://127.0.0.1:${port}`, ...more });
  process.on("disconnect", () => process.exit());
}
