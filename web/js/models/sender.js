/**
 * The sends of one room that wait for the server.
 *
 * **Invariant:** the sends of one author stand in the order they were written: one is on its way
 * at a time, and the next one waits for its answer.
 */
import { Op } from "../protocol.js";

const AGAIN_MS = 1500;

export class Sender {
  #room;
  #timeline;
  #ask;
  #isOpen;
  #told;
  /** @type {string | null} */ #onItsWay = null;
  /** @type {any} */ #againTimer;

  /**
   * @param {{room: string, timeline: import("./timeline.js").Timeline, isOpen: () => boolean, told: (problem: any) => void,
   *   ask: (op: string, fields: Record<string, any>, done: (problem: any, ok: any) => void) => void}} parts
   *   `told`: a send was answered, with a problem or without
   */
  constructor({ room, timeline, ask, isOpen, told }) {
    this.#room = room;
    this.#timeline = timeline;
    this.#ask = ask;
    this.#isOpen = isOpen;
    this.#told = told;
  }

  /** Sends the next one, if none is on its way. */
  pump() {
    if (!this.#isOpen() || this.#onItsWay) return;
    const next = this.#timeline.pending.find(({ state }) => state === "sending");
    if (!next) return;
    const { cid, text, reply_to } = next;
    const thread = next.thread ?? undefined;
    const files = next.files.length > 0 ? next.files.map(({ id }) => id) : undefined;
    this.#onItsWay = cid;
    this.#ask(Op.Send, { room: this.#room, cid, text, reply_to, thread, files }, (problem, ok) => {
      this.#onItsWay = null;
      if (problem?.isSoonOver) return this.#later(problem.retryMs);
      if (problem) this.#timeline.refuse(cid, problem);
      else this.#timeline.accept(cid, ok);
      this.#told(problem);
      this.pump();
    });
  }

  /** The line is gone: what was on its way is sent again when it is back. */
  lost() {
    this.rest();
    this.#onItsWay = null;
  }

  /** Tries nothing again by itself. */
  rest() {
    clearTimeout(this.#againTimer);
  }

  /** @param {number | null} ms */
  #later(ms) {
    this.rest();
    this.#againTimer = setTimeout(() => this.pump(), ms ?? AGAIN_MS);
  }
}
