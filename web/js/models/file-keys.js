/**
 * Keys for the addresses of files. A picture in a page sends no token, so its address carries a
 * key; those that are wanted in one moment are asked for together, and kept while they hold.
 */
const MOST = 100;
/** A key that is about to run out is not used any more. */
const SPARE_MS = 30_000;

export class FileKeys {
  #ask;
  #now;
  /** @type {Map<string, {key: string, until: number}>} */ #known = new Map();
  /** @type {Map<string, Promise<string>>} */ #asked = new Map();
  /** @type {Promise<Map<string, string>>[]} */ #calls = [];
  /** @type {string[]} */ #wanted = [];

  /**
   * @param {(ids: string[]) => Promise<{items: {id: string, key: string}[], expires_in: number}>} ask
   * @param {() => number} [now]
   */
  constructor(ask, now = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  /** What stands behind the address of a file. @param {string} id @returns {Promise<string>} */
  key(id) {
    const known = this.#known.get(id);
    if (known && known.until > this.#now()) return Promise.resolve(known.key);
    const asked = this.#asked.get(id) ?? this.#want(id);
    this.#asked.set(id, asked);
    return asked;
  }

  /** A key did not open its file. @param {string} id */
  forget(id) {
    this.#known.delete(id);
  }

  /** @param {string} id @returns {Promise<string>} */
  async #want(id) {
    this.#wanted.push(id);
    // Whoever else wants one in this moment is asked for along with it.
    await null;
    if (this.#wanted.length > 0) this.#calls = this.#fetch(this.#wanted.splice(0));
    const calls = this.#calls;
    try {
      for (const call of calls) {
        const key = (await call).get(id);
        if (key) return key;
      }
      throw new Error(`no key for ${id}`);
    } finally {
      this.#asked.delete(id);
    }
  }

  /** @param {string[]} ids */
  #fetch(ids) {
    const calls = [];
    for (let from = 0; from < ids.length; from += MOST) calls.push(this.#call(ids.slice(from, from + MOST)));
    return calls;
  }

  /** @param {string[]} ids @returns {Promise<Map<string, string>>} */
  async #call(ids) {
    const { items, expires_in } = await this.#ask(ids);
    const until = this.#now() + expires_in * 1000 - SPARE_MS;
    for (const { id, key } of items) this.#known.set(id, { key, until });
    return new Map(items.map(({ id, key }) => [id, key]));
  }
}
