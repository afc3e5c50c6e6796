import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";

/**
 * Something to read: who, when, what. There is one of them.
 *
 * @typedef {{title: string, text?: string, user?: string, run?: () => void}} Fact
 * @typedef {{title: string, text?: string, facts: Fact[]}} Shown
 */
class FactsDialog extends LiveElement {
  /** @type {Shown | null} */ #shown = null;

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("facts-dialog"));
    this.on(part(this, "close"), "click", () => this.#dialog.close());
    this.on(this.#dialog, "click", ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /** @param {Shown} shown */
  show(shown) {
    const { title, text = "", facts } = shown;
    this.#shown = shown;
    setText(part(this, "title"), title);
    setText(part(this, "text"), text);
    part(this, "facts").replaceChildren(...facts.map((fact) => this.#item(fact)));
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** What is known later; by then something else may be read. @param {Shown} shown @param {Fact[]} facts @param {"first" | "last"} where */
  add(shown, facts, where) {
    if (shown !== this.#shown || !this.#dialog.open) return;
    const items = facts.map((fact) => this.#item(fact));
    if (where === "first") part(this, "facts").prepend(...items);
    else part(this, "facts").append(...items);
  }

  /** @param {Fact} fact */
  #item({ title, text = "", user, run }) {
    const item = /** @type {HTMLElement} */ (stamp("fact").firstElementChild);
    part(item, "avatar").hidden = !user;
    if (user) paintAvatar(part(item, "avatar"), user, title);
    setText(part(item, "title"), title);
    setText(part(item, "text"), text);
    if (!run) return item;
    item.classList.add("is-link");
    item.tabIndex = 0;
    item.setAttribute("role", "button");
    const go = () => (this.#dialog.close(), run());
    item.addEventListener("click", go);
    item.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      go();
    });
    return item;
  }
}

/** @param {Shown} shown @returns {(facts: Fact[], where: "first" | "last") => void} adds what is known later */
export function showFacts(shown) {
  const dialog = /** @type {any} */ (document.querySelector("facts-dialog"));
  dialog.show(shown);
  return (facts, where) => dialog.add(shown, facts, where);
}

customElements.define("facts-dialog", FactsDialog);
