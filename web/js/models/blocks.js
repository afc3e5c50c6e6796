/**
 * Whom the reader has blocked. Nobody tells when they did so elsewhere: it is asked for when somebody
 * first looks, and again when the line was lost. `change` says that it is another list now.
 *
 * @typedef {{user: import("./people.js").User, at: number}} Block
 */
const PAGE = 200;

export class Blocks extends EventTarget {
  #api;
  /** @type {Map<string, Block>} newest first */ #blocks = new Map();
  #isAsked = false;
  /** Counts what was asked and done: of several answers the last counts. */
  #turn = 0;
  #onTheirWay = 0;

  /** @param {any} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  /** Newest first. */
  get list() {
    return [...this.#blocks.values()];
  }

  /** As far as it is known; who asks first is told of the rest by `change`. @param {string | null} user */
  has(user) {
    if (!this.#isAsked) this.load().catch(() => {});
    return this.#blocks.has(user ?? "");
  }

  /** What is known may be of before. */
  doubt() {
    this.#isAsked = false;
  }

  async load() {
    this.#isAsked = true;
    const turn = (this.#turn += 1);
    const blocks = [];
    this.#onTheirWay += 1;
    try {
      let cursor = null;
      do {
        const page = await this.#api.blocks(PAGE, cursor);
        blocks.push(...page.items);
        cursor = page.next ?? null;
      } while (cursor);
    } catch (problem) {
      // The next look asks again.
      this.#isAsked = false;
      throw problem;
    } finally {
      this.#onTheirWay -= 1;
    }
    if (turn === this.#turn) this.#become(blocks);
  }

  /** Blocks somebody, or takes that back. @param {any} user @param {boolean} isBlocked */
  async set(user, isBlocked) {
    await this.#api.block(user.id, isBlocked);
    this.#turn += 1;
    const others = this.list.filter((block) => block.user.id !== user.id);
    this.#become(isBlocked ? [{ user, at: Date.now() }, ...others] : others);
    // What is on its way may be from before.
    if (this.#onTheirWay) this.load().catch(() => {});
  }

  /** @param {Block[]} blocks */
  #become(blocks) {
    this.#blocks = new Map(blocks.map((block) => [block.user.id, block]));
    this.dispatchEvent(new Event("change"));
  }
}
