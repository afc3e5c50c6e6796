/** Finding whom `@…` may mean while it is written. */

const BEGUN = /(?<![\p{L}\p{N}_.@-])@([A-Za-z0-9._\-가-힣ㄱ-ㅎ]{0,64})$/u;
const MOST = 8;

/** The name that is begun before the caret, or null. @param {string} text @param {number} caret @returns {{from: number, query: string} | null} */
export function begunName(text, caret) {
  const found = text.slice(0, caret).match(BEGUN);
  return found ? { from: caret - found[0].length, query: found[1] } : null;
}

/**
 * Who fits, best first: names that begin with it, then names that hold it.
 * @param {{id: string, username: string, display_name: string}[]} users
 * @param {string} query
 * @param {string[]} words that call many at once
 * @returns {{id: string, username: string, display_name: string}[]}
 */
export function fitting(users, query, words) {
  const wanted = query.toLowerCase();
  const all = [...words.map((word) => ({ id: "", username: word, display_name: "" })), ...users];
  const ranked = all.map((user) => ({ user, rank: rank(user, wanted) })).filter(({ rank: place }) => place >= 0);
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, MOST).map(({ user }) => user);
}

/** @param {{username: string, display_name: string}} user @param {string} wanted */
function rank({ username, display_name }, wanted) {
  const names = [username.toLowerCase(), display_name.toLowerCase()];
  if (names.some((name) => name.startsWith(wanted))) return 0;
  if (names[1].split(/\s+/u).some((name) => name.startsWith(wanted))) return 1;
  return wanted.length > 1 && names.some((name) => name.includes(wanted)) ? 2 : -1;
}

/** The text with the name in it, and where the caret goes. @param {string} text @param {{from: number}} begun @param {number} caret @param {string} username */
export function completed(text, { from }, caret, username) {
  const before = `${text.slice(0, from)}@${username} `;
  return { text: before + text.slice(caret).replace(/^ /u, ""), caret: before.length };
}
