/* Names that are unique across tabs. */

/** 32 random hex digits. `crypto.randomUUID` is missing without TLS. */
export function unique() {
  const parts = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(parts, (part) => part.toString(16).padStart(2, "0")).join("");
}
