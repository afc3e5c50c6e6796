/**
 * Who is online in one room: a set while it is small, only a count when it is not. Of those who
 * are not just there, what they are: away, or not to be disturbed, and what they say of themselves.
 *
 * @typedef {{state: "online" | "away" | "dnd", text?: string}} Standing
 */
export class Presence {
  /** @type {Set<string> | null} */ #online = null;
  /** @type {Map<string, Standing>} */ #states = new Map();
  count = 0;
  /** It is what was known last: nobody tells what has changed since. */
  isStale = false;

  /** The ids, or null when the server only counts. */
  get online() {
    return this.#online;
  }

  /** @param {string} user */
  has(user) {
    return this.#online?.has(user) ?? false;
  }

  /** How somebody who is online is. @param {string} user @returns {Standing} */
  state(user) {
    return this.#states.get(user) ?? { state: "online" };
  }

  /** The whole state. @param {{online?: string[], count?: number, states?: Record<string, Standing>}} event */
  set({ online, count, states }) {
    this.#online = online ? new Set(online) : null;
    this.#states = new Map(Object.entries(states ?? {}));
    this.count = count ?? online?.length ?? 0;
    this.isStale = false;
  }

  /** The line is gone, which says nothing of who is there. The next whole state makes it good again. */
  lost() {
    this.isStale = true;
  }

  /** What changed. @param {{joins?: string[], leaves?: string[], count?: number, states?: Record<string, Standing>}} event */
  change({ joins, leaves, count, states }) {
    if (!joins && !leaves && !states) this.#online = null;
    for (const user of [...(joins ?? []), ...(leaves ?? [])]) this.#states.delete(user);
    for (const [user, state] of Object.entries(states ?? {})) this.#states.set(user, state);
    if (this.#online) {
      for (const user of joins ?? []) this.#online.add(user);
      for (const user of leaves ?? []) this.#online.delete(user);
    }
    this.count = count ?? this.#online?.size ?? this.count;
  }
}
