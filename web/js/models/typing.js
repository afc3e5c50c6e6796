const SHOWN_MS = 6000;
const SIGNAL_MS = 3000;

/** Who types in one room. Every entry ends by itself, so a lost "stopped" cannot hang. */
export class Typing {
  /** @type {Map<string, number>} */ #until = new Map();

  /** @param {string} user @param {number} now */
  mark(user, now) {
    this.#until.set(user, now + SHOWN_MS);
  }

  /** Their message arrived. @param {string} user */
  clear(user) {
    return this.#until.delete(user);
  }

  /** @param {number} now @returns {string[]} */
  active(now) {
    return [...this.#until].filter(([, until]) => until > now).map(([user]) => user);
  }

  /** When the list changes next without news, or null. @param {number} now */
  nextEnd(now) {
    const ends = [...this.#until.values()].filter((until) => until > now);
    return ends.length ? Math.min(...ends) : null;
  }
}

/** Tells when the reader's own typing is worth a signal: at most once in three seconds. */
export class TypingSignal {
  #last = -Infinity;

  /** @param {number} now */
  due(now) {
    if (now - this.#last < SIGNAL_MS) return false;
    this.#last = now;
    return true;
  }

  /** The text was sent: the next key is a new beginning. */
  rest() {
    this.#last = -Infinity;
  }
}
