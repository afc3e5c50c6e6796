/**
 * What was begun in rooms and threads and not sent. It outlasts a reload of its tab, and is given back
 * to the same user only.
 */
const KEY = "moim.drafts";

export class Drafts {
  #storage;
  #user;

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage @param {string} user */
  constructor(storage, user) {
    this.#storage = storage;
    this.#user = user;
  }

  /** @param {string} place a room, or the first message of a thread */
  of(place) {
    return this.#all().get(place) ?? "";
  }

  /** @param {string} place @param {string} text nothing forgets it */
  keep(place, text) {
    const all = this.#all();
    if (text) all.set(place, text);
    else if (!all.delete(place)) return;
    try {
      if (all.size === 0) this.#storage.removeItem(KEY);
      else this.#storage.setItem(KEY, JSON.stringify({ user: this.#user, texts: [...all] }));
    } catch {
      // A full storage only costs what a reload would take.
    }
  }

  /** @returns {Map<string, string>} */
  #all() {
    try {
      const kept = JSON.parse(this.#storage.getItem(KEY) ?? "null");
      return new Map(kept?.user === this.#user ? kept.texts : []);
    } catch {
      return new Map();
    }
  }
}
