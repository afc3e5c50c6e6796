/**
 * The signed-in user's pair of tokens, shared by all tabs: in storage to be read at once, and in
 * the vault, which alone is sure to be up to date.
 *
 * **Invariant:** one refresh token is used once. A second use would revoke the whole family, so
 * a tab rotates only under a lock, and only after it asked the vault whether another tab just did.
 *
 * @typedef {{access: string, refresh: string, until: number, user: any}} Pair
 */
import { Problem } from "./problem.js";

const KEY = "moim.tokens";
const MARGIN_MS = 60_000;

export class Tokens extends EventTarget {
  #storage;
  #post;
  #locks;
  #vault;
  /** @type {Promise<Pair> | null} */ #rotation = null;

  /**
   * @param {{storage: Storage, post: (path: string, body: any) => Promise<any>, locks?: LockManager,
   *   vault: {read: () => Promise<any>, write: (pair: Pair | null) => Promise<void>}}} parts
   */
  constructor({ storage, post, locks, vault }) {
    super();
    this.#vault = vault;
    this.#storage = storage;
    this.#post = post;
    this.#locks = locks;
  }

  /** @returns {Pair | null} */
  get pair() {
    try {
      return JSON.parse(this.#storage.getItem(KEY) ?? "null");
    } catch {
      return null;
    }
  }

  /** Keeps what register, login or refresh answered. @param {any} answer @returns {Promise<Pair>} */
  async keep({ user, access_token, refresh_token, expires_in }) {
    const until = Date.now() + expires_in * 1000;
    const pair = { access: access_token, refresh: refresh_token, until, user: user ?? this.pair?.user };
    this.#storage.setItem(KEY, JSON.stringify(pair));
    await this.#vault.write(pair);
    return pair;
  }

  /** Signed out, here or elsewhere. */
  forget() {
    this.#storage.removeItem(KEY);
    this.#vault.write(null);
    this.dispatchEvent(new Event("gone"));
  }

  /**
   * An access token that still lives for a while.
   * @param {number} marginMs
   * @returns {Promise<string>}
   */
  async fresh(marginMs = MARGIN_MS) {
    const { pair } = this;
    if (!pair) throw signedOut();
    if (pair.until - Date.now() > marginMs) return pair.access;
    return (await this.rotate(pair.access)).access;
  }

  /**
   * A new pair in place of one that was refused or grows old.
   * @param {string} used the access token to get rid of
   * @returns {Promise<Pair>}
   */
  rotate(used) {
    this.#rotation ??= this.#alone(() => this.#rotate(used)).finally(() => (this.#rotation = null));
    return this.#rotation;
  }

  /** @param {string} used */
  async #rotate(used) {
    const pair = (await this.#vault.read()) ?? this.pair;
    if (!pair || !this.pair) throw signedOut();
    if (pair.access !== used) {
      this.#storage.setItem(KEY, JSON.stringify(pair));
      return pair;
    }
    try {
      return await this.keep(await this.#post("/auth/refresh", { refresh_token: pair.refresh }));
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 401) this.forget();
      throw problem;
    }
  }

  /**
   * Locks need a secure page; on plain HTTP in a home network the re-read alone has to do.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #alone(work) {
    return this.#locks ? /** @type {any} */ (this.#locks.request(KEY, work)) : work();
  }
}

function signedOut() {
  return new Problem({ code: "unauthorized", status: 401 });
}
