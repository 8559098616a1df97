import { fileURLToPath } from "node:url";

export default {
  // The answers lie beside this application and Next itself above it; without a word Next guesses which of the lock files is the root's.
  turbopack: { root: fileURLToPath(new URL("../../..", import.meta.url)) },
};
