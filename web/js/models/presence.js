/** Who is online in one room: a set while it is small, only a count when it is not. */
export class Presence {
  /** @type {Set<string> | null} */ #online = null;
  count = 0;

  /** The ids, or null when the server only counts. */
  get online() {
    return this.#online;
  }

  /** @param {string} user */
  has(user) {
    return this.#online?.has(user) ?? false;
  }

  /** The whole state. @param {{online?: string[], count?: number}} event */
  set({ online, count }) {
    this.#online = online ? new Set(online) : null;
    this.count = count ?? online?.length ?? 0;
  }

  /** What changed. @param {{joins?: string[], leaves?: string[], count?: number}} event */
  change({ joins, leaves, count }) {
    if (!joins && !leaves) this.#online = null;
    if (this.#online) {
      for (const user of joins ?? []) this.#online.add(user);
      for (const user of leaves ?? []) this.#online.delete(user);
    }
    this.count = count ?? this.#online?.size ?? this.count;
  }
}
