/**
 * Cuts a text into plain pieces, links and mentions. It only says what is where; elements are
 * made elsewhere, and only `http` and `https` ever become a link.
 *
 * @typedef {{type: "text" | "link" | "mention", text: string, me?: boolean}} Piece
 */
const LINK = /https?:\/\/[^\s<>"'`]+/gu;
const MENTION = /(?<![\p{L}\p{N}_.@-])@([A-Za-z0-9._\-가-힣]{1,64})/gu;
const LOOSE_END = /[.,;:!?…)\]}]+$/u;

/**
 * @param {string} text
 * @param {string} username the reader's own
 * @returns {Piece[]}
 */
export function piecesOf(text, username) {
  /** @type {Piece[]} */
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const link = trimmed(match[0]);
    if (!isLink(link)) continue;
    pieces.push(...mentions(text.slice(from, match.index), username), { type: "link", text: link });
    from = match.index + link.length;
  }
  pieces.push(...mentions(text.slice(from), username));
  return pieces;
}

/** Whether a text names the reader. @param {string} text @param {string} username */
export function namesMe(text, username) {
  return piecesOf(text, username).some((piece) => piece.me);
}

/** Whether a text is nothing but one to three emoji. @param {string} text */
export function isEmojiOnly(text) {
  return /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s?){1,3}$/u.test(
    text.trim(),
  );
}

/** @param {string} text @param {string} username @returns {Piece[]} */
function mentions(text, username) {
  /** @type {Piece[]} */
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(MENTION)) {
    const name = match[1].replace(/[.-]+$/u, "");
    if (!name) continue;
    if (match.index > from) pieces.push({ type: "text", text: text.slice(from, match.index) });
    pieces.push({ type: "mention", text: `@${name}`, me: isMe(name, username) });
    from = match.index + name.length + 1;
  }
  if (from < text.length) pieces.push({ type: "text", text: text.slice(from) });
  return pieces;
}

/** @param {string} name @param {string} username */
function isMe(name, username) {
  const lower = name.toLowerCase();
  return lower === username.toLowerCase() || lower === "all";
}

/** A full stop after a link is not part of it; a closing bracket is when one was opened in it. @param {string} link */
function trimmed(link) {
  const end = link.match(LOOSE_END)?.[0] ?? "";
  if (end.startsWith(")") && link.includes("(")) return link;
  return link.slice(0, link.length - end.length);
}

/** Whether this leads to a page of the web. @param {string} link */
export function isLink(link) {
  try {
    return ["http:", "https:"].includes(new URL(link).protocol);
  } catch {
    return false;
  }
}
