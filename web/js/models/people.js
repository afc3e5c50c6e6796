/**
 * Names behind user ids. Unknown ids are gathered for a moment and asked for together.
 *
 * @typedef {{id: string, username: string, display_name: string, kind?: string, deleted?: boolean}} User
 */
const BATCH = 200;
/** A page asks within this time who somebody is by now; where a crowd heard the same, one of them in each of these. */
const DOUBT_MS = 1000;
const DOUBT_EACH_MS = 10;

export class People extends EventTarget {
  /** @type {Map<string, User>} */ #users = new Map();
  /** @type {Set<string>} */ #wanted = new Set();
  /** @type {Set<string>} */ #asked = new Set();
  /** @type {Set<string>} who may be called otherwise by now */ #doubted = new Set();
  /** @type {any} */ #doubtTimer = null;
  #fetch;
  #planned = false;

  /** What somebody is called whose account is gone, in the reader's language. */
  erased = () => "";

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
    return user ? (user.deleted && this.erased()) || user.display_name || user.username : "";
  }

  /** Whether it is known to be a bot that is still there. @param {string} id */
  isBot(id) {
    const user = this.#users.get(id);
    return user?.kind === "bot" && !user.deleted;
  }

  /** Whether the account is known to be gone. @param {string} id */
  isErased(id) {
    return this.#users.get(id)?.deleted ?? false;
  }

  /**
   * Something happened that also happens when an account is erased, which no event says by itself:
   * asks anew who they are, once for all that comes in a moment.
   * @param {string} id
   * @param {number} [crowd] how many hear of it
   */
  doubt(id, crowd = 0) {
    if (this.#users.get(id)?.deleted || !(this.#users.has(id) || this.#asked.has(id))) return;
    this.#doubted.add(id);
    this.#planRenewal(crowd);
  }

  /** @param {number} crowd */
  #planRenewal(crowd) {
    this.#doubtTimer ??= setTimeout(() => this.#renew(), Math.random() * Math.max(DOUBT_MS, crowd * DOUBT_EACH_MS));
  }

  async #renew() {
    this.#doubtTimer = null;
    const ids = [...this.#doubted].slice(0, BATCH);
    for (const id of ids) this.#doubted.delete(id);
    try {
      this.learn(await this.#fetch(ids));
      this.dispatchEvent(new Event("change"));
      if (this.#doubted.size) this.#planRenewal(0);
    } catch {
      // Not now: the next one in doubt asks for all of them.
      for (const id of ids) this.#doubted.add(id);
    }
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
