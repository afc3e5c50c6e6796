/**
 * The threads of one room that the reader follows, and how much of each is unread. The newest are
 * fetched once and those before when they are asked for; then the log keeps all of them up to date.
 *
 * @typedef {{root: string, about: any, last_seq: number, read_seq: number, unread: number}} Followed
 * @typedef {{items: {root: any, last_seq: number, read_seq: number, unread: number}[], next: string | null}} Page
 */
import { rootOf } from "./reducer.js";

const PAGE = 100;

export class ThreadBook {
  /** @type {Map<string, Followed>} */ #threads = new Map();
  /** @type {string | null} */ #next = null;
  /** Up to this seq all has gone. */ #horizon = 0;
  isLoaded = false;
  isLoading = false;
  #me;
  #fetch;
  #tell;

  /** @param {string} me @param {(query: Record<string, string | number>) => Promise<Page>} [fetch] @param {() => void} [tell] */
  constructor(me, fetch = async () => ({ items: [], next: null }), tell = () => {}) {
    this.#me = me;
    this.#fetch = fetch;
    this.#tell = tell;
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

  get hasMore() {
    return this.#next !== null;
  }

  /** The newest as they stand. What was read on to stays, and where nothing came meanwhile one goes on from there. */
  async load() {
    const { isNew, next } = await this.#page({ limit: PAGE });
    if (isNew || !this.isLoaded) this.#next = next;
    this.isLoaded = true;
    this.#tell();
  }

  /** Those before, up to some that are not here yet. */
  async more() {
    if (this.isLoading) return;
    this.isLoading = true;
    try {
      while (this.#next !== null) {
        const { isNew, next } = await this.#page({ limit: PAGE, cursor: this.#next });
        this.#next = next;
        if (isNew) break;
      }
    } finally {
      this.isLoading = false;
      this.#tell();
    }
  }

  /** @param {Record<string, string | number>} query @returns {Promise<{isNew: boolean, next: string | null}>} */
  async #page(query) {
    const before = this.#horizon;
    const { items, next = null } = await this.#fetch(query);
    // What was forgotten while the page was on its way does not come in.
    const kept = this.#horizon > before ? items.filter(({ root }) => root.seq > this.#horizon) : items;
    const fresh = kept.filter(({ root, last_seq }) => last_seq > (this.#threads.get(root.id)?.last_seq ?? -1));
    for (const { root, ...rest } of kept) {
      const known = this.#threads.get(root.id);
      if (known && known.last_seq > rest.last_seq) known.about ??= root;
      else this.#threads.set(root.id, { root: root.id, about: root, ...rest });
    }
    return { isNew: fresh.length > 0, next };
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
    this.#horizon = horizon;
    for (const [root, { about }] of this.#threads) if (about && about.seq <= horizon) this.#threads.delete(root);
  }

  /** How far a thread is read. @param {{thread: string, seq: number, unread: number}} event */
  read({ thread, seq, unread }) {
    const known = this.#threads.get(thread);
    if (known) Object.assign(known, { read_seq: Math.max(known.read_seq, seq), unread });
  }
}
