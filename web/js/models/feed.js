/**
 * One room that this page has open: its timeline, who is there, who types, and the sends that
 * wait. A sans-IO state machine: it asks through `link` and is told by `take`, `open` and `lost`.
 *
 * **Invariant:** what the room has forgotten for this reader is here no more: what was here goes when
 * that is told, and what was on its way then does not come in.
 *
 * @typedef {{
 *   ask: (op: string, fields: Record<string, any>, done: (problem: any, ok: any) => void) => void,
 *   history: (room: string, before: number | null, limit: number) => Promise<{items: any[], next?: string | null}>,
 *   fetch: (room: string, path: string, query?: Record<string, string | number>) => Promise<any>,
 * }} Link
 * @typedef {"closed" | "opening" | "replaying" | "pulling" | "live"} FeedState
 */
import { Ev, Op } from "../protocol.js";
import { Lookup } from "./lookup.js";
import { Older } from "./older.js";
import { OpenThread } from "./open-thread.js";
import { Presence } from "./presence.js";
import { Questions } from "./questions.js";
import { rootOf } from "./reducer.js";
import { RoomDetail } from "./room-detail.js";
import { Sender } from "./sender.js";
import { ThreadBook } from "./threads.js";
import { Timeline } from "./timeline.js";
import { Typing } from "./typing.js";

const AGAIN_MS = 1500;
const KEEP = 600;
const KEEP_AFTER_TRIM = 300;
/** They say nothing of a message that somebody who hears them may not read. */
const WITHHELD = new Set([Ev.MsgEdit, Ev.MsgPreview, Ev.AiEnd]);
/** What changes the list of pins, or what it shows. */
const PINS = new Set([Ev.MsgPin, Ev.MsgUnpin, Ev.MsgDelete, Ev.MsgEdit]);

export class Feed {
  #link;
  #tell;
  #sender;
  /** @type {any} */ #againTimer;
  #older;

  /** @type {FeedState} */ state = "closed";
  presence = new Presence();
  typing = new Typing();
  /** The `n` after which the "new" divider stands. @type {number | null} */ newAfter = null;
  /** The reader wants it unread: nothing is told to be read until they come again. */
  isHeld = false;
  /** What is shown instead of the end: a place in the past. @type {Lookup | null} */ past = null;
  /** The thread beside the conversation. @type {OpenThread | null} */ thread = null;
  threads;
  /** What the room is like and what the reader may do in it. */ info;
  /** Up to this seq there is nothing for the reader, or nothing any more. */ #horizon = 0;

  /**
   * @param {{room: string, me: string, link: Link,
   *   tell: (what: "timeline" | "presence" | "typing" | "applied" | "refused" | "threads" | "pins" | "detail",
   *     detail?: any) => void}} parts
   */
  constructor({ room, me, link, tell }) {
    this.room = room;
    this.me = me;
    this.timeline = new Timeline(me);
    this.threads = new ThreadBook(me, (query) => link.fetch(room, "/threads", query), () => tell("threads"));
    /** Those that wait for the assistant, or got no answer. */
    this.questions = new Questions(me, () => tell("timeline"));
    this.#link = link;
    this.#tell = tell;
    this.info = new RoomDetail((path) => link.fetch(room, path), () => this.#informed());
    this.#older = new Older({
      timeline: this.timeline,
      fetch: (before, limit) => this.#kept(link.history(room, before, limit)),
      tell: () => tell("timeline"),
    });
    this.#sender = new Sender({
      room,
      timeline: this.timeline,
      ask: (...asked) => link.ask(...asked),
      isOpen: () => this.isOpen,
      told: (problem) => this.#sent(problem),
    });
  }

  /** Whether events come in, or will in a moment. */
  get isOpen() {
    return this.state === "live" || this.state === "replaying" || this.state === "pulling";
  }

  get detail() {
    return this.info.now;
  }

  get isLoaded() {
    return this.timeline.epoch !== null;
  }

  /* Actions */

  /** Opens the room, from where this page stands if it stands somewhere. */
  open() {
    if (this.state === "opening") return;
    this.state = "opening";
    const { epoch, position } = this.timeline;
    const since = epoch === null ? undefined : { epoch, seq: position };
    this.#link.ask(Op.Open, { room: this.room, since }, (problem, ok) =>
      problem ? this.#refused(problem) : this.#opened(ok),
    );
  }

  /** The line is gone. What is here stays, and `open` goes on from it. */
  lost() {
    clearTimeout(this.#againTimer);
    this.state = "closed";
    this.#sender.lost();
    this.presence.lost();
    this.#tell("presence");
  }

  /** No more use for it. */
  close() {
    clearTimeout(this.#againTimer);
    this.#sender.rest();
    if (this.isOpen) this.#link.ask(Op.Close, { room: this.room }, () => {});
    this.state = "closed";
  }

  /** @param {{cid: string, text: string, at: number, reply_to?: string | null, thread?: string | null, files?: any[]}} send */
  send(send) {
    this.timeline.add(send);
    this.newAfter = null;
    this.isHeld = false;
    if (!send.thread) this.past = null;
    this.#tell("timeline");
    this.#sender.pump();
  }

  /** @param {string} cid */
  again(cid) {
    this.timeline.again(cid);
    this.#tell("timeline");
    this.#sender.pump();
  }

  /** @param {string} cid */
  drop(cid) {
    this.timeline.drop(cid);
    this.#tell("timeline");
  }

  /** Fetches a page of history, if there is one and none is on its way. */
  older() {
    return this.#older.load();
  }

  get isLoadingOlder() {
    return this.#older.isLoading;
  }

  /** Lets go of what was scrolled out of sight long ago. */
  trim() {
    if (this.timeline.entries.length > KEEP) this.timeline.trim(KEEP_AFTER_TRIM);
  }

  /** What is shown: the end, or a place in the past. */
  get view() {
    return this.past ?? this.timeline;
  }

  /** The message of an id, wherever it is here. @param {string} id */
  message(id) {
    const { thread, past, timeline } = this;
    const root = thread && thread.about?.id === id ? thread.about : null;
    return timeline.message(id) ?? past?.message(id) ?? thread?.said.message(id) ?? root;
  }

  /** Brings a seq into view, from wherever it lies. @param {number} seq */
  async lookUp(seq) {
    const { oldestSeq, complete } = this.timeline;
    if (complete || (oldestSeq !== null && seq >= oldestSeq)) {
      this.past = null;
      return this.#tell("timeline");
    }
    const past = this.#lookup("/messages");
    await past.around(seq);
    this.past = past;
    this.#tell("timeline");
  }

  /** Back to the end. */
  present() {
    this.past = null;
    this.#tell("timeline");
  }

  /** More of the past, in one direction. @param {"older" | "newer"} where */
  async more(where) {
    const { past, timeline } = this;
    if (!past) return where === "older" ? this.older() : undefined;
    await past[where]();
    // It has grown up to what is here anyway.
    const isJoined = past.newestSeq !== null && timeline.oldestSeq !== null && past.newestSeq >= timeline.oldestSeq;
    if (this.past === past && where === "newer" && (isJoined || past.reachesEnd)) {
      timeline.join(past);
      this.past = null;
    }
    this.#tell("timeline");
  }

  /* Threads */

  /** Opens the thread that a message began. @param {string} root */
  async openThread(root) {
    const said = this.#lookup(`/threads/${encodeURIComponent(root)}/messages`, (message) => rootOf(message) === root);
    const thread = new OpenThread({ root, about: this.message(root), said });
    this.thread = thread;
    this.#tell("timeline");
    await thread.load(() => this.#link.fetch(this.room, `/messages/${encodeURIComponent(root)}`));
    this.#tell("timeline");
  }

  closeThread() {
    this.thread = null;
    this.#tell("timeline");
  }

  /** How far a thread is read. @param {any} event */
  threadRead(event) {
    this.threads.read(event);
    this.#tell("threads");
  }

  /** @param {string} permission */
  may(permission) {
    return this.info.may(permission);
  }

  #informed() {
    this.#tell("detail");
    this.#forget(this.detail?.horizon ?? 0);
  }

  /** What lies up to a seq has gone for good, and leaves this page as well. @param {number} horizon */
  #forget(horizon) {
    if (horizon <= this.#horizon) return;
    this.#horizon = horizon;
    for (const passage of this.#passages()) passage.forget(horizon);
    if (this.past?.entries.length === 0) this.past = null;
    if ((this.thread?.about?.seq ?? Infinity) <= horizon) this.thread = null;
    this.threads.forget(horizon);
    for (const what of /** @type {const} */ (["timeline", "threads", "pins"])) this.#tell(what);
  }

  /** A page of messages, without those that were forgotten while it was on its way. @param {Promise<{items: any[], next?: any}>} asked */
  async #kept(asked) {
    const before = this.#horizon;
    const page = await asked;
    return this.#horizon > before ? { ...page, items: page.items.filter(({ seq }) => seq > this.#horizon) } : page;
  }

  /** @param {string} path @param {(message: any) => boolean} [belongs] */
  #lookup(path, belongs) {
    return new Lookup({ me: this.me, belongs, fetch: (query) => this.#kept(this.#link.fetch(this.room, path, query)) });
  }

  /* Events */

  /** @param {any} event of this room */
  take(event) {
    switch (event.ev) {
      case Ev.Presence:
      case Ev.PresenceDiff:
        this.presence[event.ev === Ev.Presence ? "set" : "change"](event);
        return this.#tell("presence");
      case Ev.Typing:
        this.typing.mark(event.by, Date.now());
        return this.#tell("typing");
      case Ev.ThreadRead:
        return this.threadRead(event);
      case Ev.AiDelta:
      case Ev.AiState:
        for (const passage of this.#passages()) passage.write(event, event.ev === Ev.AiState);
        return this.#tell("timeline");
      case Ev.CaughtUp:
        if (this.state === "replaying") this.state = "live";
        return this.#tell("timeline");
      case Ev.Behind:
        if (event.head > this.timeline.position && this.state === "live") this.open();
        return;
      case Ev.Lag:
        this.state = "pulling";
        return this.#pull();
      default:
        return event.seq === undefined ? this.questions.take(event) : this.#logged(event);
    }
  }

  /** @param {any} event */
  #logged(event) {
    if (!this.isLoaded) return;
    const outcome = this.timeline.apply(event);
    if (outcome === "applied") {
      this.#spread(event);
      if (event.d?.by && this.typing.clear(event.d.by)) this.#tell("typing");
      this.#tell("applied", event);
      this.#tell("timeline");
    }
    if (outcome === "gap" && (this.state === "live" || this.state === "replaying")) this.open();
  }

  /** What is shown beside the conversation hears of it, too. @param {any} event */
  #spread(event) {
    this.#older.take(event);
    this.past?.take(event);
    this.thread?.take(event, this.timeline);
    if (event.ev === Ev.AiStart) this.questions.begun(event.d);
    const root = rootOf(event.d ?? {});
    if (root && event.ev === Ev.MsgNew && this.threads.event(event, this.message(root))) this.#tell("threads");
    if (PINS.has(event.ev)) this.#tell("pins", event);
    const told = event.ev === Ev.MsgPreview ? event.d.previews : event.d.text;
    if (WITHHELD.has(event.ev) && told === undefined && !event.d.deleted) this.#readAgain(event.d.id).catch(() => {});
  }

  /** Not everybody may read what an event would say, so nobody is told: it is read by who may. @param {string} id */
  async #readAgain(id) {
    const known = this.message(id);
    if (!known) return;
    const { items } = await this.#link.history(this.room, known.seq + 1, 1);
    for (const passage of this.#passages()) if (items[0]?.id === id) passage.renew(items[0]);
    this.#tell("timeline");
  }

  #passages() {
    return [this.timeline, this.past, this.thread?.said].filter((passage) => passage !== null && passage !== undefined);
  }

  /* Answers */

  /** @param {any} ok */
  #opened(ok) {
    if (ok.snapshot) this.#reset(ok);
    this.questions.opened();
    this.state = ok.resumed && ok.replay > 0 ? "replaying" : "live";
    // What newcomers may read can be more again than it was.
    if (ok.resumed) this.#horizon = Math.min(this.#horizon, ok.horizon ?? 0);
    this.#forget(ok.horizon ?? 0);
    this.#tell("timeline");
    this.#sender.pump();
  }

  /** What lies beside was not told of what happened meanwhile. @param {any} ok */
  #reset(ok) {
    const isFirst = !this.isLoaded;
    this.timeline.reset(ok.epoch, ok.snapshot);
    this.past = null;
    if (isFirst) return;
    if (this.thread) this.openThread(this.thread.root).catch(() => {});
    if (this.threads.isLoaded) this.threads.load().catch(() => {});
    this.#tell("pins");
  }

  /** @param {any} problem */
  #refused(problem) {
    this.state = "closed";
    if (problem.code === "offline") return;
    if (problem.temporary) return this.#later(() => this.open(), problem.retryMs);
    this.#tell("refused", problem);
  }

  #pull() {
    const after = this.timeline.position;
    this.#link.ask(Op.Pull, { room: this.room, after }, (problem, ok) => {
      if (this.state !== "pulling") return;
      if (problem) return this.#later(() => this.#pull(), problem.retryMs);
      for (const event of ok.events) this.#logged({ room: this.room, ...event });
      const stuck = ok.more && this.timeline.position === after;
      if (ok.more && !stuck) return this.#pull();
      this.state = "live";
      if (stuck || ok.head > this.timeline.position) this.open();
    });
  }

  /** A send was answered. @param {any} problem */
  #sent(problem) {
    // What one may not do any more is shown before one tries again.
    if (problem?.code === "muted" || problem?.reason === "blocked") this.info.load().catch(() => {});
    this.#tell("timeline");
  }

  /** @param {() => void} work @param {number | null} ms */
  #later(work, ms) {
    clearTimeout(this.#againTimer);
    this.#againTimer = setTimeout(work, ms ?? AGAIN_MS);
  }
}
