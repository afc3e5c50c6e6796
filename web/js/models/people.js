/**
 * Names behind user ids. Unknown ids are gathered for a moment and asked for together.
 *
 * @typedef {{id: string, username: string, display_name: string}} User
 */
const BATCH = 200;

export class People extends EventTarget {
  /** @type {Map<string, User>} */ #users = new Map();
  /** @type {Set<string>} */ #wanted = new Set();
  /** @type {Set<string>} */ #asked = new Set();
  #fetch;
  #planned = false;

  /** @param {(ids: string[]) => Promise<User[]>} fetch */
  constructor(fetch) {
    super();
    this.#fetch = fetch;
  }

  /** @param {User[]} users */
  learn(users) {
    for (const user of users) this.#users.set(user.id, user);
  }

  /** What is known now; asks for the rest. @param {string} id */
  get(id) {
    const user = this.#users.get(id) ?? null;
    if (!user) this.#want(id);
    return user;
  }

  /** Everybody that is known by now. */
  get all() {
    return [...this.#users.values()];
  }

  /** The name to show, empty until it is known. @param {string} id */
  name(id) {
    const user = this.get(id);
    return user ? user.display_name || user.username : "";
  }

  /** @param {string} id */
  #want(id) {
    if (!id || this.#asked.has(id)) return;
    this.#wanted.add(id);
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => this.#ask());
  }

  async #ask() {
    this.#planned = false;
    const ids = [...this.#wanted].slice(0, BATCH);
    for (const id of ids) {
      this.#wanted.delete(id);
      this.#asked.add(id);
    }
    try {
      this.learn(await this.#fetch(ids));
      this.dispatchEvent(new Event("change"));
    } catch {
      // Not now: the next look at one of them asks again.
      for (const id of ids) this.#asked.delete(id);
    }
    if (this.#wanted.size && !this.#planned) await this.#ask();
  }
}
