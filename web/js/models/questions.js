/**
 * The questions to the assistant of one room that wait for their turn, and the reader's own last one
 * that got no answer. The server says what waits whenever the room is opened; a refusal is told once,
 * and stays here until it is dismissed or the next question of the reader is taken.
 *
 * @typedef {{run: string, message: string, asker: string, place: number}} Wait
 */
import { Ev } from "../protocol.js";

export class Questions {
  #me;
  #tell;
  /** By their runs. @type {Map<string, Wait>} */ #waits = new Map();
  /** @type {{message: string, problem: any} | null} */ #refused = null;

  /** @param {string} me @param {() => void} tell that something is otherwise */
  constructor(me, tell) {
    this.#me = me;
    this.#tell = tell;
  }

  /** A question waits, waits no more, or gets no answer; every other event is none of theirs. @param {any} event */
  take({ ev, room: _room, run, message, asker, place, ...why }) {
    if (ev === Ev.AiWait) {
      this.#waits.set(run, { run, message, asker, place });
      this.#asked(asker);
    } else if (ev === Ev.AiUnwait) this.#waits.delete(run);
    else if (ev === Ev.AiRefused) this.#refused = { message, problem: { ...why, retryMs: why.retry_ms ?? null } };
    else return;
    this.#tell();
  }

  /** An answer begins. @param {{run: string, asker: string}} answer */
  begun({ run, asker }) {
    this.#waits.delete(run);
    this.#asked(asker);
  }

  /** The room was opened: what waits is told anew. */
  opened() {
    this.#waits.clear();
  }

  /** The reader has seen why there is no answer. */
  dismiss() {
    this.#refused = null;
    this.#tell();
  }

  /** That a message waits for its answer. @param {string | null} message @returns {Wait | null} */
  waitOf(message) {
    return [...this.#waits.values()].find((wait) => wait.message === message) ?? null;
  }

  /** Why the reader's own question gets no answer. @param {string | null} message @returns {any} */
  problemOf(message) {
    return message && this.#refused?.message === message ? this.#refused.problem : null;
  }

  /** Whoever has a new question knows what became of the one before. @param {string} asker */
  #asked(asker) {
    if (asker === this.#me) this.#refused = null;
  }
}
