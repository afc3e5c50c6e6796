/**
 * What lies before the oldest message of a conversation, fetched page by page.
 *
 * **Invariant:** what was applied while a page was on its way is applied to the page, too.
 */
import { Ev } from "../protocol.js";

const PAGE = 50;
const AGAIN_MS = 3000;

export class Older {
  #timeline;
  #fetch;
  #tell;
  #failed = -Infinity;
  /** @type {any[]} what came while a page was on its way */ #meanwhile = [];
  isLoading = false;

  /**
   * @param {{timeline: import("./timeline.js").Timeline, tell: () => void,
   *   fetch: (before: number | null, limit: number) => Promise<{items: any[], next?: string | null}>}} parts
   */
  constructor({ timeline, fetch, tell }) {
    this.#timeline = timeline;
    this.#fetch = fetch;
    this.#tell = tell;
  }

  /** An event of the room was applied. @param {any} event */
  take(event) {
    if (this.isLoading) this.#meanwhile.push(event);
  }

  /** Fetches a page, if there is one and none is on its way. */
  async load() {
    const timeline = this.#timeline;
    if (this.isLoading || timeline.complete || timeline.epoch === null) return;
    if (Date.now() - this.#failed < AGAIN_MS) return;
    this.isLoading = true;
    const before = timeline.oldestSeq;
    this.#meanwhile = [];
    try {
      const { items, next } = await this.#fetch(before, PAGE);
      // A snapshot may have replaced everything meanwhile.
      if (timeline.oldestSeq !== before) return;
      // Long texts make a page short, and still there is more.
      timeline.prepend(items, next ? 0 : Infinity);
      for (const event of this.#meanwhile) if (event.ev !== Ev.MsgNew) timeline.change(event, true);
    } catch (problem) {
      this.#failed = Date.now();
      throw problem;
    } finally {
      this.isLoading = false;
      this.#tell();
    }
  }
}
