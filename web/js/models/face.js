const HUES = 12;

/** One of twelve hues, the same for a user on every screen. @param {string} id */
export function hueOf(id) {
  let hash = 2166136261;
  for (const char of id) hash = Math.imul(hash ^ /** @type {number} */ (char.codePointAt(0)), 16777619);
  // The last bits of neighbouring ids are too much alike: mix once more.
  hash ^= hash >>> 15;
  return ((Math.imul(hash, 2246822519) >>> 16) % HUES) * (360 / HUES);
}

/**
 * What stands for a name in a small circle: the given name of a Korean, initials elsewhere.
 * @param {string} name
 */
export function initialsOf(name) {
  const words = name.trim().split(/[\s._-]+/u).filter(Boolean);
  if (words.length === 0) return "·";
  const [first] = words;
  if (/^[가-힣]+$/u.test(first)) return first.length === 3 ? first.slice(1) : first.slice(0, 2);
  if (words.length > 1) return (letter(first) + letter(words[1])).toUpperCase();
  return letter(first).toUpperCase();
}

/** @param {string} word */
function letter(word) {
  return [...word][0];
}
