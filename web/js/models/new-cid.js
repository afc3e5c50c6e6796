/** An id of our own for a message: random also where `crypto.randomUUID` is missing, on a page without TLS. */
export function newCid() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `c-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
