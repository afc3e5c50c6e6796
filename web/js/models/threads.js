/**
 * The threads of one room that the reader follows, and how much of each is unread. Fetched once;
 * then the log keeps it up to date.
 *
 * @typedef {{root: string, about: any, last_seq: number, read_seq: number, unread: number}} Followed
 */
import { rootOf } from "./reducer.js";

export class ThreadBook {
  /** @type {Map<string, Followed>} */ #threads = new Map();
  isLoaded = false;
  #me;

  /** @param {string} me */
  constructor(me) {
    this.#me = me;
  }

  /** The one with the newest message first. @returns {Followed[]} */
  get list() {
    return [...this.#threads.values()].sort((a, b) => b.last_seq - a.last_seq);
  }

  get unread() {
    return this.list.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** @param {string} root */
  unreadOf(root) {
    return this.#threads.get(root)?.unread ?? 0;
  }

  /** What the server lists. @param {{root: any, last_seq: number, read_seq: number, unread: number}[]} items */
  take(items) {
    for (const { root, ...rest } of items) this.#threads.set(root.id, { root: root.id, about: root, ...rest });
    this.isLoaded = true;
  }

  /**
   * A message came.
   * @param {any} event
   * @param {any} about the message that began its thread, if it is known
   * @returns {boolean} whether anything is different now
   */
  event({ seq, d }, about) {
    const root = rootOf(d ?? {});
    if (!root) return false;
    const known = this.#threads.get(root);
    const mine = d.by === this.#me;
    const follows = known ?? (mine || about?.by === this.#me ? { root, about, last_seq: 0, read_seq: 0, unread: 0 } : null);
    if (!follows || seq <= follows.last_seq) return false;
    follows.last_seq = seq;
    if (mine) Object.assign(follows, { read_seq: seq, unread: 0 });
    else follows.unread += 1;
    this.#threads.set(root, follows);
    return true;
  }

  /** Threads that began up to this seq have gone. @param {number} horizon */
  forget(horizon) {
    for (const [root, { about }] of this.#threads) if (about && about.seq <= horizon) this.#threads.delete(root);
  }

  /** How far a thread is read. @param {{thread: string, seq: number, unread: number}} event */
  read({ thread, seq, unread }) {
    const known = this.#threads.get(thread);
    if (known) Object.assign(known, { read_seq: Math.max(known.read_seq, seq), unread });
  }
}
