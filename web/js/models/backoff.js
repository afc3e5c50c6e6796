const FIRST_MS = 800;
const LONGEST_MS = 30_000;

/** Waits between tries: the first short, then doubling up to half a minute, always with jitter. */
export class Backoff {
  #tries = 0;
  #random;

  /** @param {() => number} random between 0 and 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** How long to wait now, in ms. */
  next() {
    const tries = this.#tries++;
    if (tries === 0) return Math.round(100 + this.#random() * (FIRST_MS - 100));
    const most = Math.min(LONGEST_MS, 1000 * 2 ** tries);
    return Math.round(Math.max(1000, most / 2 + (this.#random() * most) / 2));
  }

  reset() {
    this.#tries = 0;
  }
}
