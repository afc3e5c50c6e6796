/**
 * Sends that were not confirmed when the page went away. They come back with the same `cid`, so
 * that one which did arrive is not written twice.
 *
 * @typedef {{room: string, cid: string, text: string, at: number, reply_to: string | null, thread?: string | null, files?: any[]}} Unsent
 */
const KEY = "moim.unsent";

export class UnsentStore {
  #storage;
  #user;

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage @param {string} user */
  constructor(storage, user) {
    this.#storage = storage;
    this.#user = user;
  }

  /** @returns {Unsent[]} */
  load() {
    try {
      const kept = JSON.parse(this.#storage.getItem(KEY) ?? "null");
      return kept?.user === this.#user ? kept.sends : [];
    } catch {
      return [];
    }
  }

  /** What waits in rooms. @param {Iterable<{room: string, timeline: {pending: any[]}}>} feeds */
  keep(feeds) {
    const of = (/** @type {{room: string, timeline: {pending: any[]}}} */ { room, timeline }) =>
      timeline.pending.map(({ cid, text, at, reply_to, thread, files }) => ({ room, cid, text, at, reply_to, thread, files }));
    this.save([...feeds].flatMap(of));
  }

  /** @param {Unsent[]} sends */
  save(sends) {
    try {
      if (sends.length === 0) this.#storage.removeItem(KEY);
      else this.#storage.setItem(KEY, JSON.stringify({ user: this.#user, sends }));
    } catch {
      // A full storage only costs the safety net.
    }
  }
}
