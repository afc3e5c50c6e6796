/**
 * A stretch of a room's messages, ascending by seq: the base of what is shown of a log. A `Passage`
 * by itself is one that was looked up: some place in the past, or a thread.
 *
 * @typedef {import("./reducer.js").Message} Message
 * @typedef {{type: "message", seq: number, at: number, message: Message}} MessageEntry
 * @typedef {{type: "line", seq: number, at: number, ev: string, user: string, role?: string}} LineEntry
 * @typedef {MessageEntry | LineEntry} Entry
 */
import { change, grow, messageOf, regrow } from "./reducer.js";

export class Passage {
  /** @type {Entry[]} */ entries = [];
  /** @type {Map<string, Message>} */ byId = new Map();
  /** Whether the oldest entry here is the oldest there is. */
  complete = false;
  /** Whether the newest one is the newest, or what follows is shown elsewhere. */
  reachesEnd = false;

  /** @param {string} me the reader's own user id */
  constructor(me) {
    this.me = me;
  }

  /** Sends that the server has not confirmed. @returns {any[]} */
  get pending() {
    return [];
  }

  /** Seq of the oldest entry, or null when there is none. */
  get oldestSeq() {
    return this.entries[0]?.seq ?? null;
  }

  get newestSeq() {
    return this.entries.at(-1)?.seq ?? null;
  }

  /** @param {string} id */
  message(id) {
    return this.byId.get(id) ?? null;
  }

  /** Whether the message of this seq is here. @param {number} seq */
  hasSeq(seq) {
    return this.entries.some((entry) => entry.seq === seq);
  }

  /** The message of this seq, or the nearest one before it. @param {number} seq */
  messageAt(seq) {
    const messages = this.entries.filter((entry) => entry.type === "message" && entry.seq <= seq);
    return /** @type {MessageEntry | undefined} */ (messages.at(-1))?.message ?? null;
  }

  clear() {
    this.entries = [];
    this.byId.clear();
  }

  /** Puts messages where they belong; those that are here stay as they are. @param {any[]} items as lists tell them */
  put(items) {
    for (const item of items) {
      if (this.byId.has(item.id)) continue;
      const message = messageOf(item);
      this.byId.set(message.id, message);
      this.entries.push({ type: "message", seq: message.seq, at: message.at, message });
    }
    this.entries.sort((a, b) => a.seq - b.seq);
  }

  /** What lies up to this seq is gone for good; if it was reached, there is nothing older. @param {number} horizon */
  forget(horizon) {
    if (this.oldestSeq !== null && this.oldestSeq <= horizon) this.complete = true;
    for (const entry of this.entries) if (entry.seq <= horizon && entry.type === "message") this.byId.delete(entry.message.id);
    this.entries = this.entries.filter(({ seq }) => seq > horizon);
  }

  /** A message as it stands by now, if it is here. @param {any} item */
  renew(item) {
    const message = this.byId.get(item.id);
    if (message && (item.rev ?? 1) >= message.rev) Object.assign(message, { html: undefined }, messageOf(item));
  }

  /** An event that says something about messages that are here. @param {any} event @param {boolean} [isAgain] */
  change(event, isAgain) {
    return change(event, { find: (id) => this.message(id), me: this.me, isAgain });
  }

  /** A piece of an answer, or all of it so far. @param {any} event `ai.delta` or `ai.state` @param {boolean} isWhole */
  write(event, isWhole) {
    const message = [...this.byId.values()].reverse().find(({ ai }) => ai?.run === event.run);
    if (!message) return false;
    return isWhole ? regrow(message, event) : grow(message, event);
  }
}
