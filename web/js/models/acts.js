/** What a person does to messages: one op each, answered when it is durable. */
import { Op } from "../protocol.js";

/** Messages that one op deletes. */
export const MOST_DELETED = 100;

export class Acts {
  #ask;

  /** @param {(op: string, fields: Record<string, any>, done: (problem: any, ok: any) => void) => void} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  /** @param {string} room @param {string} message @param {string} text */
  edit(room, message, text) {
    return this.#do(Op.Edit, { room, message, text: text.normalize("NFC") });
  }

  /** @param {string} room @param {string} message */
  remove(room, message) {
    return this.#do(Op.Delete, { room, message });
  }

  /** For moderators. @param {string} room @param {string[]} messages */
  async removeMany(room, messages) {
    for (let from = 0; from < messages.length; from += MOST_DELETED) {
      await this.#do(Op.DeleteMany, { room, messages: messages.slice(from, from + MOST_DELETED) });
    }
  }

  /** Puts a reaction or takes it away. @param {string} room @param {string} message @param {string} emoji @param {boolean} isOn */
  react(room, message, emoji, isOn) {
    return this.#do(isOn ? Op.React : Op.Unreact, { room, message, emoji });
  }

  /** @param {string} room @param {string} message @param {boolean} isOn */
  pin(room, message, isOn) {
    return this.#do(isOn ? Op.Pin : Op.Unpin, { room, message });
  }

  /** What has this seq is the first unread. @param {string} room @param {number} seq */
  unread(room, seq) {
    return this.#do(Op.Unread, { room, seq });
  }

  /** How the reader is, and what they say of themselves. @param {{state?: string, text?: string}} status */
  status(status) {
    return this.#do(Op.Status, status);
  }

  /** Ends an answer that is being written. @param {string} run */
  stop(run) {
    return this.#do(Op.AiStop, { run });
  }

  /** @param {string} op @param {Record<string, any>} fields @returns {Promise<any>} */
  #do(op, fields) {
    return new Promise((done, failed) => {
      this.#ask(op, fields, (problem, ok) => (problem ? failed(problem) : done(ok)));
    });
  }
}
