/**
 * What a message says where it is only named: its words without marks, and nothing of what a spoiler
 * hides. It is text and stays that: from the HTML of the server only texts are taken.
 *
 * @typedef {{text: string, html?: string}} Said
 */
const HIDDEN = "▒▒▒";
/** Behind these a word does not go on. */
const BREAKS = new Set(["br", "hr", "p", "li", "pre"]);
const LETTER = /[\p{L}\p{N}]/u;

/** @type {WeakMap<Said, {html: string, short: string}>} */
const known = new WeakMap();

/** @param {Said} message @returns {string} */
export function inShort(message) {
  const { text, html } = message;
  if (!html) return text;
  const before = known.get(message);
  if (before?.html === html) return before.short;
  const { body } = new DOMParser().parseFromString(html, "text/html");
  // A spoiler that other marks cut is one.
  const short = wordsOf(body).replaceAll(/(?:▒▒▒)+/gu, HIDDEN).trim();
  known.set(message, { html, short });
  return short;
}

/** @param {Node} node @returns {string} */
function wordsOf(node) {
  let words = "";
  for (const child of node.childNodes) {
    if (child instanceof Text) words += child.data;
    if (!(child instanceof Element)) continue;
    words += child.className === "spoiler" ? HIDDEN : wordsOf(child);
    if (BREAKS.has(child.localName)) words += "\n";
  }
  return words;
}

/**
 * Where the words stand in the short form that were found in the text; those that are not in it are left out.
 * @param {Said} message
 * @param {[number, number][]} found first character and length
 * @returns {[number, number][]}
 */
export function foundInShort(message, found) {
  if (!message.html) return found;
  const [text, short] = [[...message.text], [...inShort(message)]];
  /** @type {Map<string, number>} */
  const from = new Map();
  /** @type {[number, number][]} */
  const places = [];
  for (const [start, length] of found) {
    const word = text.slice(start, start + length);
    const edges = { before: isLetter(text[start - 1]), behind: isLetter(text[start + length]) };
    const at = placeOf(word, short, from.get(word.join("")) ?? 0, edges);
    from.set(word.join(""), at < 0 ? short.length : at + length);
    if (at >= 0) places.push([at, length]);
  }
  return places.sort(([one], [other]) => one - other);
}

/**
 * A word that stands alone in the text is no part of another.
 * @param {string[]} word @param {string[]} short @param {number} from @param {{before: boolean, behind: boolean}} edges
 */
function placeOf(word, short, from, { before, behind }) {
  for (let at = from; at + word.length <= short.length; at += 1) {
    if (!word.every((sign, place) => sign === short[at + place])) continue;
    if ((before || !isLetter(short[at - 1])) && (behind || !isLetter(short[at + word.length]))) return at;
  }
  return -1;
}

/** @param {string | undefined} sign */
function isLetter(sign) {
  return sign !== undefined && LETTER.test(sign);
}
