// Thousands of ways to smuggle a script into a page, from patterns that the server's tests read too.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const FAMILIES = JSON.parse(readFileSync(resolve(import.meta.dirname, "../xss/families.json"), "utf8"));

/** `«word»` stands for each of the pieces of that slot. @param {string} text @param {Record<string, string[]>} slots */
function spread(text, slots) {
  const slot = text.match(/«(\w+)»/u);
  return slot ? slots[slot[1]].flatMap((piece) => spread(text.replaceAll(slot[0], () => piece), slots)) : [text];
}

/** All of them, each once. */
export const PAYLOADS = [...new Set(FAMILIES.flatMap(({ templates, slots }) => templates.flatMap((text) => spread(text, slots))))];

/** Those that can be a name of so many characters. @param {number} most */
export const named = (most) => [
  ...new Set(PAYLOADS.map((text) => text.normalize("NFC").trim()).filter((text) => text && [...text].length <= most && !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text))),
];
