/**
 * Whether the reader is an admin of the instance, and how many reports wait for one. Nobody tells
 * of a report: it is asked when the page begins, when the line is back, and when somebody looks.
 */
export class Office extends EventTarget {
  #api;
  #isKnown = false;
  isAdmin = false;
  /** Reports that nobody has decided, as far as they were read. */
  open = 0;
  /** Whether there are more than these. */
  hasMore = false;

  /** @param {any} api */
  constructor(api) {
    super();
    this.#api = api;
  }

  async ready() {
    try {
      if (!this.#isKnown) this.isAdmin = (await this.#api.get("/me")).role === "admin";
      this.#isKnown = true;
      await this.count();
    } catch {
      // Not now: nothing of it is shown.
    }
  }

  async count() {
    if (!this.isAdmin) return;
    const { items, next } = await this.#api.get("/admin/reports?status=open&limit=100");
    this.learn(items.length, next !== null);
  }

  /** @param {number} open @param {boolean} hasMore */
  learn(open, hasMore) {
    Object.assign(this, { open, hasMore });
    this.dispatchEvent(new Event("change"));
  }
}
