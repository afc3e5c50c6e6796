/**
 * Whom the reader has blocked. What they did elsewhere is told only where the two have a private room: so
 * it is asked for when somebody first looks, when such a room says so, and again when the line was lost.
 * `change` says that it is another list now, or that it is known for the first time.
 *
 * @typedef {{user: import("./people.js").User, at: number}} Block
 */
const PAGE = 200;
/** Who waits to know it first waits no longer. */
const PATIENCE_MS = 1500;

export class Blocks extends EventTarget {
  #api;
  /** @type {Map<string, Block>} newest first */ #blocks = new Map();
  #isAsked = false;
  /** Counts what was asked and done: of several answers the last counts. */
  #turn = 0;
  #onTheirWay = 0;
  /** Whether it was read, or is not to be had in time. */ isSettled = false;

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

  /** Somebody has blocked somebody; perhaps it was the reader, elsewhere. */
  again() {
    if (this.#isAsked) this.load().catch(() => {});
  }

  async load() {
    this.#isAsked = true;
    const turn = (this.#turn += 1);
    const blocks = [];
    this.#onTheirWay += 1;
    const late = this.isSettled ? undefined : setTimeout(() => this.#settle(), PATIENCE_MS);
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
      this.#settle();
      throw problem;
    } finally {
      this.#onTheirWay -= 1;
      clearTimeout(late);
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

  #settle() {
    if (this.isSettled) return;
    this.isSettled = true;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Block[]} blocks */
  #become(blocks) {
    this.#blocks = new Map(blocks.map((block) => [block.user.id, block]));
    this.isSettled = true;
    this.dispatchEvent(new Event("change"));
  }
}
