/**
 * One room that this page has open: its timeline, who is there, who types, and the sends that
 * wait. A sans-IO state machine: it asks through `link` and is told by `take`, `open` and `lost`.
 *
 * **Invariant:** the sends of one author stand in the order they were written: one is on its way
 * at a time, and the next one waits for its answer.
 *
 * @typedef {{
 *   ask: (op: string, fields: Record<string, any>, done: (problem: any, ok: any) => void) => void,
 *   history: (room: string, before: number | null, limit: number) => Promise<{items: any[]}>,
 * }} Link
 * @typedef {"closed" | "opening" | "replaying" | "pulling" | "live"} FeedState
 */
import { Ev, Op } from "../protocol.js";
import { Presence } from "./presence.js";
import { Timeline } from "./timeline.js";
import { Typing } from "./typing.js";

const PAGE = 50;
const AGAIN_MS = 1500;
const HISTORY_AGAIN_MS = 3000;
const KEEP = 600;
const KEEP_AFTER_TRIM = 300;

export class Feed {
  #link;
  #tell;
  /** @type {string | null} */ #onItsWay = null;
  /** @type {any} */ #againTimer;
  #historyFailed = -Infinity;

  /** @type {FeedState} */ state = "closed";
  presence = new Presence();
  typing = new Typing();
  /** The `n` after which the "new" divider stands. @type {number | null} */
  newAfter = null;
  isLoadingOlder = false;

  /**
   * @param {{room: string, me: string, link: Link,
   *   tell: (what: "timeline" | "presence" | "typing" | "applied" | "refused", detail?: any) => void}} parts
   */
  constructor({ room, me, link, tell }) {
    this.room = room;
    this.timeline = new Timeline(me);
    this.#link = link;
    this.#tell = tell;
  }

  /** Whether events come in, or will in a moment. */
  get isOpen() {
    return this.state === "live" || this.state === "replaying" || this.state === "pulling";
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
    this.#onItsWay = null;
    this.presence.set({ online: [] });
    this.#tell("presence");
  }

  /** No more use for it. */
  close() {
    clearTimeout(this.#againTimer);
    if (this.isOpen) this.#link.ask(Op.Close, { room: this.room }, () => {});
    this.state = "closed";
  }

  /** @param {{cid: string, text: string, at: number, reply_to?: string | null, files?: any[]}} send */
  send(send) {
    this.timeline.add(send);
    this.newAfter = null;
    this.#tell("timeline");
    this.#pump();
  }

  /** @param {string} cid */
  again(cid) {
    this.timeline.again(cid);
    this.#tell("timeline");
    this.#pump();
  }

  /** @param {string} cid */
  drop(cid) {
    this.timeline.drop(cid);
    this.#tell("timeline");
  }

  /** Fetches a page of history, if there is one and none is on its way. */
  async older() {
    const { timeline } = this;
    if (this.isLoadingOlder || timeline.complete || !this.isLoaded) return;
    if (Date.now() - this.#historyFailed < HISTORY_AGAIN_MS) return;
    this.isLoadingOlder = true;
    const before = timeline.oldestSeq;
    try {
      const { items } = await this.#link.history(this.room, before, PAGE);
      // A snapshot may have replaced everything meanwhile.
      if (timeline.oldestSeq === before) timeline.prepend(items, PAGE);
    } catch (problem) {
      this.#historyFailed = Date.now();
      throw problem;
    } finally {
      this.isLoadingOlder = false;
      this.#tell("timeline");
    }
  }

  /** Lets go of what was scrolled out of sight long ago. */
  trim() {
    if (this.timeline.entries.length > KEEP) this.timeline.trim(KEEP_AFTER_TRIM);
  }

  /* Events */

  /** @param {any} event of this room */
  take(event) {
    switch (event.ev) {
      case Ev.Presence:
        this.presence.set(event);
        return this.#tell("presence");
      case Ev.PresenceDiff:
        this.presence.change(event);
        return this.#tell("presence");
      case Ev.Typing:
        this.typing.mark(event.by, Date.now());
        return this.#tell("typing");
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
        if (event.seq !== undefined) this.#logged(event);
    }
  }

  /** @param {any} event */
  #logged(event) {
    if (!this.isLoaded) return;
    const outcome = this.timeline.apply(event);
    if (outcome === "applied") {
      if (event.d?.by && this.typing.clear(event.d.by)) this.#tell("typing");
      this.#tell("applied", event);
      this.#tell("timeline");
      if (event.ev === Ev.MsgEdit && event.d.text === undefined && !event.d.deleted) this.#reread(event.d.id);
    }
    if (outcome === "gap" && (this.state === "live" || this.state === "replaying")) this.open();
  }

  /** Reads what an edit does not say because not everybody sees the message. @param {string} id */
  async #reread(id) {
    const known = this.timeline.message(id);
    if (!known) return;
    try {
      const { items } = await this.#link.history(this.room, known.seq + 1, 1);
      if (items[0]?.id === id) this.timeline.renew(items[0]);
      this.#tell("timeline");
    } catch {
      // It shows the earlier text until the room is opened anew.
    }
  }

  /* Answers */

  /** @param {any} ok */
  #opened(ok) {
    if (ok.snapshot) this.timeline.reset(ok.epoch, ok.snapshot);
    this.state = ok.resumed && ok.replay > 0 ? "replaying" : "live";
    this.#tell("timeline");
    this.#pump();
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

  /* Sending */

  #pump() {
    if (!this.isOpen || this.#onItsWay) return;
    const next = this.timeline.pending.find(({ state }) => state === "sending");
    if (!next) return;
    const { cid, text, reply_to } = next;
    const files = next.files.length > 0 ? next.files.map(({ id }) => id) : undefined;
    this.#onItsWay = cid;
    this.#link.ask(Op.Send, { room: this.room, cid, text, reply_to, files }, (problem, ok) => {
      this.#onItsWay = null;
      if (!problem) this.timeline.accept(cid, ok);
      else if (problem.temporary) return this.#later(() => this.#pump(), problem.retryMs);
      else this.timeline.refuse(cid, problem);
      this.#tell("timeline");
      this.#pump();
    });
  }

  /** @param {() => void} work @param {number | null} ms */
  #later(work, ms) {
    clearTimeout(this.#againTimer);
    this.#againTimer = setTimeout(work, ms ?? AGAIN_MS);
  }
}
