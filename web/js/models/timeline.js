/**
 * One room's conversation as far as this page knows it: confirmed entries in log order, and
 * behind them the sends that the server has not confirmed yet.
 *
 * **Invariant:** an event is applied once, and only as `position + 1`; anything later is a gap.
 * **Invariant:** a pending send leaves the list only when the log shows it, or its author drops it.
 *
 * @typedef {{id: string, seq: number, n: number, at: number, by: string, cid?: string, text: string, html?: string,
 *   reply_to: string | null, rev: number, edited_at?: number, deleted: boolean,
 *   files?: any[], previews?: any[]}} Message
 * @typedef {{type: "message", seq: number, at: number, message: Message}} MessageEntry
 * @typedef {{type: "line", seq: number, at: number, ev: string, user: string}} LineEntry
 * @typedef {MessageEntry | LineEntry} Entry
 * @typedef {{cid: string, text: string, at: number, reply_to: string | null, files: any[],
 *   state: "sending" | "sent" | "failed", seq: number | null, problem: any}} Pending
 */
import { Ev } from "../protocol.js";

const LINES = new Set([Ev.MemberJoin, Ev.MemberLeave, Ev.MemberKick, Ev.MemberBan]);

export class Timeline {
  /** @type {Entry[]} */ #entries = [];
  /** @type {Map<string, Message>} */ #byId = new Map();
  /** @type {Map<string, Pending>} */ #pending = new Map();
  #me;

  /** The life of the log, null before the first open. @type {string | null} */
  epoch = null;
  /** The newest seq that was applied. */
  position = 0;
  /** Whether the oldest entry here is the oldest there is. */
  complete = false;

  /** @param {string} me the reader's own user id */
  constructor(me) {
    this.#me = me;
  }

  get entries() {
    return this.#entries;
  }

  get pending() {
    return [...this.#pending.values()];
  }

  /** Seq of the oldest entry, or null in an empty room. */
  get oldestSeq() {
    return this.#entries[0]?.seq ?? null;
  }

  /** @param {string} id */
  message(id) {
    return this.#byId.get(id) ?? null;
  }

  /** @param {string} cid */
  pendingOf(cid) {
    return this.#pending.get(cid) ?? null;
  }

  /**
   * Replaces everything confirmed by a snapshot; pending sends stay.
   * @param {string} epoch
   * @param {{upto: number, items: Message[]}} snapshot
   */
  reset(epoch, snapshot) {
    this.epoch = epoch;
    this.position = snapshot.upto;
    this.#entries = [];
    this.#byId.clear();
    this.complete = false;
    this.#insertOlder(snapshot.items);
    this.#dropCovered();
    if (snapshot.items.length === 0 || this.#startsAtFirst()) this.complete = true;
  }

  /**
   * Takes one event of the log.
   * @param {any} event
   * @returns {"applied" | "known" | "gap"}
   */
  apply(event) {
    if (event.seq <= this.position) return "known";
    if (event.seq > this.position + 1) return "gap";
    this.position = event.seq;
    this.#take(event);
    return "applied";
  }

  /**
   * Puts a page of history before the oldest entry.
   * @param {Message[]} items ascending by seq
   * @param {number} limit how many were asked for
   */
  prepend(items, limit) {
    this.#insertOlder(items);
    if (items.length < limit || this.#startsAtFirst()) this.complete = true;
  }

  /** Takes a message that was read once more. @param {Message} item */
  renew(item) {
    const message = this.#byId.get(item.id);
    if (message && item.rev >= message.rev) Object.assign(message, { html: undefined }, item);
  }

  /** Forgets the oldest entries, so that a tab that stays open for weeks stays light. @param {number} keep */
  trim(keep) {
    if (this.#entries.length <= keep) return;
    for (const entry of this.#entries.splice(0, this.#entries.length - keep)) {
      if (entry.type === "message") this.#byId.delete(entry.message.id);
    }
    this.complete = false;
  }

  /* Sends */

  /**
   * Shows a message before the server has it.
   * @param {{cid: string, text: string, at: number, reply_to?: string | null, files?: any[]}} send
   * @returns {Pending}
   */
  add({ cid, text, at, reply_to = null, files = [] }) {
    /** @type {Pending} */
    const pending = { cid, text, at, reply_to, files, state: "sending", seq: null, problem: null };
    this.#pending.set(cid, pending);
    return pending;
  }

  /**
   * The server has it. Its event may have come already, or is still on its way.
   * @param {string} cid
   * @param {{seq: number}} reply
   */
  accept(cid, reply) {
    const pending = this.#pending.get(cid);
    if (!pending) return;
    if (reply.seq <= this.position) this.#pending.delete(cid);
    else Object.assign(pending, { state: "sent", seq: reply.seq });
  }

  /** The server will not have it. @param {string} cid @param {any} problem */
  refuse(cid, problem) {
    const pending = this.#pending.get(cid);
    if (pending) Object.assign(pending, { state: "failed", problem });
  }

  /** Its author wants it tried again. @param {string} cid */
  again(cid) {
    const pending = this.#pending.get(cid);
    if (pending) Object.assign(pending, { state: "sending", problem: null });
  }

  /** Its author gives it up. @param {string} cid */
  drop(cid) {
    this.#pending.delete(cid);
  }

  /* Private */

  /** A confirmed send that a snapshot covers is history now, even if it lies before its first item. */
  #dropCovered() {
    for (const { cid, seq } of this.pending) {
      if (seq !== null && seq <= this.position) this.#pending.delete(cid);
    }
  }

  /** @param {any} event */
  #take(event) {
    if (event.ev === Ev.MsgNew) return this.#append(event);
    if (event.ev === Ev.MsgEdit) return this.#edit(event);
    if (event.ev === Ev.MsgDelete) return this.#erase(event);
    if (event.ev === Ev.MsgPreview) return this.#preview(event);
    if (LINES.has(event.ev)) {
      const { seq, at, ev } = event;
      this.#entries.push({ type: "line", seq, at, ev, user: event.d.user });
    }
  }

  /** @param {any} event */
  #append({ seq, n, at, d }) {
    const message = { rev: 1, deleted: false, reply_to: null, ...d, seq, n, at };
    if (this.#byId.has(message.id)) return;
    this.#index(message);
    this.#entries.push({ type: "message", seq, at, message });
  }

  /** @param {any} event */
  #edit({ at, d }) {
    const message = this.#byId.get(d.id);
    // Without a text it is to be read.
    if (!message || message.deleted || d.text === undefined) return;
    const rev = d.rev ?? message.rev + 1;
    Object.assign(message, { text: d.text, html: d.html, rev, edited_at: at, previews: [] });
  }

  /** @param {any} event */
  #erase({ d }) {
    const message = this.#byId.get(d.id);
    if (message) Object.assign(message, { text: "", html: undefined, deleted: true, files: [], previews: [] });
  }

  /** @param {any} event */
  #preview({ d }) {
    const message = this.#byId.get(d.id);
    if (message && !message.deleted) message.previews = d.previews ?? [];
  }

  /** @param {Message[]} items */
  #insertOlder(items) {
    const before = this.oldestSeq ?? Infinity;
    const older = items.filter((item) => item.seq < before && !this.#byId.has(item.id));
    for (const message of older) this.#index(message);
    this.#entries.unshift(
      ...older.map((message) => ({
        type: /** @type {const} */ ("message"),
        seq: message.seq,
        at: message.at,
        message,
      })),
    );
  }

  /** @param {Message} message */
  #index(message) {
    this.#byId.set(message.id, message);
    if (message.cid && message.by === this.#me) this.#pending.delete(message.cid);
  }

  #startsAtFirst() {
    const first = this.#entries.find((entry) => entry.type === "message");
    return first?.type === "message" && first.message.n === 1;
  }
}
