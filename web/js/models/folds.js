/**
 * What those have said whom the reader has blocked: it is folded where it would be shown, until the reader
 * asks for it, message by message. `change` says that something else is folded now.
 *
 * @typedef {{id: string | null, by: string | null, deleted?: boolean}} Said
 */
export class Folds extends EventTarget {
  #blocks;
  /** Who wrote what is shown all the same. @type {Map<string, string>} */ #shown = new Map();

  /** @param {import("./blocks.js").Blocks} blocks */
  constructor(blocks) {
    super();
    this.#blocks = blocks;
    blocks.addEventListener("change", () => this.#changed());
  }

  /** Whether it is known by now who is blocked, as far as it can be: before that nothing is to be drawn. */
  get isReady() {
    return this.#blocks.isSettled;
  }

  /** Of a tombstone there is nothing to fold. @param {Said | null | undefined} said */
  hides(said) {
    return Boolean(said?.by) && !said?.deleted && this.#blocks.has(said?.by ?? "") && !this.#shown.has(said?.id ?? "");
  }

  /** Whether it would be folded, had the reader not asked for it. @param {Said} said */
  wasHidden({ id, by }) {
    return this.#shown.has(id ?? "") && this.#blocks.has(by);
  }

  /** @param {Said} said */
  show({ id, by }) {
    if (id && by) this.#shown.set(id, by);
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Said} said */
  fold({ id }) {
    this.#shown.delete(id ?? "");
    this.dispatchEvent(new Event("change"));
  }

  /** Who is blocked once more is folded once more. */
  #changed() {
    for (const [id, by] of this.#shown) if (!this.#blocks.has(by)) this.#shown.delete(id);
    this.dispatchEvent(new Event("change"));
  }
}
