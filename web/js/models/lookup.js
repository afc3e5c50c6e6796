/**
 * A stretch of a room that is not the end of it: what lies around one message, or a thread. It is
 * fetched, and what happens meanwhile is done to it as well.
 *
 * **Invariant:** what was applied while a page was on its way is applied to the page, too.
 *
 * @typedef {(query: Record<string, string | number>) => Promise<{items: any[], next: string | null}>} Fetch
 */
import { Passage } from "./passage.js";
import { begun } from "./reducer.js";

const PAGE = 50;

export class Lookup extends Passage {
  #fetch;
  #belongs;
  /** @type {any[]} what came while a page was on its way */ #meanwhile = [];
  isLoading = false;
  /** Why the last page did not come. @type {any} */ problem = null;

  /**
   * @param {{me: string, fetch: Fetch, belongs?: (message: any) => boolean}} parts
   *   `belongs`: whether a new message goes to the end of it
   */
  constructor({ me, fetch, belongs = () => false }) {
    super(me);
    this.#fetch = fetch;
    this.#belongs = belongs;
  }

  /** What lies around a seq, half before and half behind. @param {number} seq */
  async around(seq) {
    const { items } = await this.#page({ around_seq: seq, limit: PAGE });
    this.complete = items[0]?.n === 1;
  }

  /** The newest. */
  async newest() {
    this.reachesEnd = true;
    const { next } = await this.#page({ limit: PAGE });
    this.complete = next === null;
  }

  async older() {
    if (this.complete || this.isLoading || this.oldestSeq === null) return;
    const { next } = await this.#page({ before_seq: this.oldestSeq, limit: PAGE });
    this.complete = next === null;
  }

  async newer() {
    if (this.reachesEnd || this.isLoading || this.newestSeq === null) return;
    const { next } = await this.#page({ after_seq: this.newestSeq, limit: PAGE });
    this.reachesEnd = next === null;
  }

  /** An event of the room. @param {any} event @returns {boolean} whether anything is different now */
  take(event) {
    if (this.isLoading) this.#meanwhile.push(event);
    return this.#apply(event, false);
  }

  /** @param {any} event @param {boolean} isAgain */
  #apply(event, isAgain) {
    const isChanged = this.change(event, isAgain);
    const message = this.reachesEnd ? begun(event) : null;
    if (!message || !this.#belongs(message) || this.byId.has(message.id)) return isChanged;
    this.put([message]);
    return true;
  }

  /** @param {Record<string, string | number>} query @returns {Promise<{items: any[], next: string | null}>} */
  async #page(query) {
    this.isLoading = true;
    this.problem = null;
    this.#meanwhile = [];
    try {
      const page = await this.#fetch(query);
      this.put(page.items);
      for (const event of this.#meanwhile) this.#apply(event, true);
      return page;
    } catch (problem) {
      this.problem = problem;
      throw problem;
    } finally {
      this.isLoading = false;
    }
  }
}
