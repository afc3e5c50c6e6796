/**
 * What the reader is to know of: who called or answered them. Its entries come with the line, and
 * those of before are fetched when they are looked at. Told as `change`; a fresh one as `fresh`.
 *
 * @typedef {{id: string, seq: number, kind: string, room?: string | null, message?: string | null,
 *   club?: string | null, from?: string | null, title: string, body: string, link: string, at: number,
 *   read_at: number | null}} Entry
 */
import { Ev } from "../protocol.js";

export class Inbox extends EventTarget {
  /** @type {Map<string, Entry>} */ #entries = new Map();
  /** @type {string | null} */ #next = null;
  #api;
  unread = 0;
  isLoaded = false;

  /** @param {any} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  /** Newest first. @returns {Entry[]} */
  get list() {
    return [...this.#entries.values()].sort((a, b) => b.seq - a.seq);
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** Signed in, again perhaps: what came meanwhile is fetched if it was looked at. @param {{unread?: number}} inbox */
  ready({ unread }) {
    this.unread = unread ?? this.unread;
    this.#changed();
    if (this.isLoaded) this.load().catch(() => (this.isLoaded = false));
  }

  /** The newest entries as they stand. */
  async load() {
    const { items, next } = await this.#api.inbox(null);
    this.#entries.clear();
    this.#put(items, next);
  }

  async more() {
    const { items, next } = await this.#api.inbox(this.#next);
    this.#put(items, next);
  }

  /** @param {Entry[]} ids none means all */
  async read(...ids) {
    const upto = this.list[0]?.seq ?? 0;
    const wish = ids.length > 0 ? { ids: ids.map(({ id }) => id) } : { upto_seq: upto };
    const { unread } = await this.#api.readInbox(wish);
    this.take({ ev: Ev.InboxRead, ...wish, unread });
  }

  /** @param {any} event */
  take(event) {
    if (event.ev === Ev.Inbox) this.#fresh(event);
    if (event.ev === Ev.InboxRead) this.#wasRead(event);
    if (event.ev === Ev.InboxDrop) for (const id of event.ids) this.#entries.delete(id);
    this.unread = event.unread ?? this.unread;
    this.#changed();
  }

  /** @param {any} event */
  #fresh({ seq, d }) {
    if (this.#entries.has(d.id) || d.dropped) return;
    const entry = { read_at: null, ...d, seq };
    this.#entries.set(d.id, entry);
    this.unread += 1;
    this.dispatchEvent(new CustomEvent("fresh", { detail: entry }));
  }

  /** @param {{upto_seq?: number, ids?: string[]}} event */
  #wasRead({ upto_seq = 0, ids = [] }) {
    for (const entry of this.#entries.values()) {
      if (entry.seq <= upto_seq || ids.includes(entry.id)) entry.read_at ??= Date.now();
    }
  }

  /** @param {Entry[]} items @param {string | null} next */
  #put(items, next) {
    for (const item of items) this.#entries.set(item.id, item);
    this.#next = next ?? null;
    this.isLoaded = true;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
