/**
 * Keeps the reader's place while rows come and go. Pure arithmetic over the numbers of a
 * scrolling box, so that it can be tested without one.
 *
 * @typedef {{scrollTop: number, clientHeight: number, scrollHeight: number}} Box
 */
const END_SLACK = 48;
const TOP_REACH = 600;

/** Whether the newest row is in view. @param {Box} box */
export function isAtEnd({ scrollTop, clientHeight, scrollHeight }) {
  return scrollHeight - clientHeight - scrollTop <= END_SLACK;
}

/** Whether it is time to fetch older messages. @param {Box} box */
export function isNearTop({ scrollTop }) {
  return scrollTop < TOP_REACH;
}

/** Whether it is time to fetch newer ones, where what is here is not the end. @param {Box} box */
export function isNearEnd({ scrollTop, clientHeight, scrollHeight }) {
  return scrollHeight - clientHeight - scrollTop < TOP_REACH;
}

export class ScrollAnchor {
  #stuck = true;
  /** @type {{key: string, offset: number} | null} */ #held = null;
  /** Where it was put at the end, until the reader goes elsewhere. @type {number | null} */ #put = null;

  /** Whether new rows pull the view along. */
  get stuck() {
    return this.#stuck;
  }

  /**
   * The reader scrolled, or asked for the end. A box that is where it was put has not been scrolled by
   * them: what is told late of that may find that more has grown below.
   * @param {Box} box
   * @param {boolean} [isStuck] where the end is not here
   */
  scrolled(box, isStuck) {
    const isPut = this.#stuck && this.#put !== null && Math.abs(box.scrollTop - this.#put) < 2;
    this.#stuck = isStuck ?? (isPut || isAtEnd(box));
  }

  stick() {
    this.#stuck = true;
  }

  /**
   * Before a change: remember the first row in view.
   * @param {Box} box
   * @param {{key: string, top: number, height: number}[]} rows tops are within the scrolled content
   */
  hold(box, rows) {
    const first = rows.find((row) => row.top + row.height > box.scrollTop);
    this.#held = first ? { key: first.key, offset: first.top - box.scrollTop } : null;
  }

  /**
   * After it: where to scroll, or null to stay.
   * @param {Box} box
   * @param {(key: string) => number | null} topOf
   */
  settle(box, topOf) {
    if (this.#stuck) return (this.#put = box.scrollHeight - box.clientHeight);
    const top = this.#held ? topOf(this.#held.key) : null;
    if (top === null || !this.#held) return null;
    return top - this.#held.offset;
  }
}
