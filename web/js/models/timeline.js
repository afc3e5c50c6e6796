/**
 * One room's conversation as far as this page knows it: confirmed entries in log order, and
 * behind them the sends that the server has not confirmed yet.
 *
 * **Invariant:** an event is applied once, and only as `position + 1`; anything later is a gap.
 * **Invariant:** a pending send leaves the list only when the log shows it, or its author drops it.
 *
 * @typedef {import("./reducer.js").Message} Message
 * @typedef {import("./passage.js").Entry} Entry
 * @typedef {{cid: string, text: string, at: number, reply_to: string | null, thread: string | null, files: any[],
 *   state: "sending" | "sent" | "failed", seq: number | null, problem: any}} Pending
 */
import { Ev } from "../protocol.js";
import { Passage } from "./passage.js";
import { begun, messageOf } from "./reducer.js";

const LINES = new Set([Ev.MemberJoin, Ev.MemberLeave, Ev.MemberKick, Ev.MemberBan, Ev.MemberRole]);

export class Timeline extends Passage {
  /** @type {Map<string, Pending>} */ #pending = new Map();

  /** The life of the log, null before the first open. @type {string | null} */
  epoch = null;
  /** The newest seq that was applied. */
  position = 0;

  get pending() {
    return [...this.#pending.values()];
  }

  /** @param {string} cid */
  pendingOf(cid) {
    return this.#pending.get(cid) ?? null;
  }

  /**
   * Replaces everything confirmed by a snapshot; pending sends stay.
   * @param {string} epoch
   * @param {{upto: number, items: any[]}} snapshot
   */
  reset(epoch, snapshot) {
    this.epoch = epoch;
    this.position = snapshot.upto;
    this.clear();
    this.complete = false;
    this.reachesEnd = true;
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
   * @param {any[]} items ascending by seq
   * @param {number} limit how many were asked for
   */
  prepend(items, limit) {
    this.#insertOlder(items);
    if (items.length < limit || this.#startsAtFirst()) this.complete = true;
  }

  /** Takes over a stretch of the past that has grown up to here. @param {Passage} past */
  join(past) {
    const before = this.oldestSeq ?? Infinity;
    const items = past.entries.flatMap((entry) => (entry.type === "message" && entry.seq < before ? [entry.message] : []));
    this.prepend(items, past.complete ? Infinity : 0);
  }

  /** Forgets the oldest entries, so that a tab that stays open for weeks stays light. @param {number} keep */
  trim(keep) {
    if (this.entries.length <= keep) return;
    for (const entry of this.entries.splice(0, this.entries.length - keep)) {
      if (entry.type === "message") this.byId.delete(entry.message.id);
    }
    this.complete = false;
  }

  /* Sends */

  /**
   * Shows a message before the server has it.
   * @param {{cid: string, text: string, at: number, reply_to?: string | null, thread?: string | null, files?: any[]}} send
   * @returns {Pending}
   */
  add({ cid, text, at, reply_to = null, thread = null, files = [] }) {
    /** @type {Pending} */
    const pending = { cid, text, at, reply_to, thread, files, state: "sending", seq: null, problem: null };
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
    this.change(event);
    const message = begun(event);
    if (message) return this.#append(message);
    if (LINES.has(event.ev)) {
      const { seq, at, ev } = event;
      this.entries.push({ type: "line", seq, at, ev, user: event.d.user, role: event.d.role });
    }
  }

  /** @param {Message} message */
  #append(message) {
    if (this.byId.has(message.id)) return;
    this.#index(message);
    this.entries.push({ type: "message", seq: message.seq, at: message.at, message });
  }

  /** @param {any[]} items */
  #insertOlder(items) {
    const before = this.oldestSeq ?? Infinity;
    const older = items.filter((item) => item.seq < before && !this.byId.has(item.id)).map(messageOf);
    for (const message of older) this.#index(message);
    this.entries.unshift(
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
    this.byId.set(message.id, message);
    if (message.cid && message.by === this.me) this.#pending.delete(message.cid);
  }

  #startsAtFirst() {
    const first = this.entries.find((entry) => entry.type === "message");
    return first?.type === "message" && first.message.n === 1;
  }
}
