import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";

/**
 * Something to read: who, when, what. There is one of them.
 *
 * @typedef {{title: string, text?: string, user?: string, run?: () => void}} Fact
 */
class FactsDialog extends LiveElement {
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

  /** @param {{title: string, text?: string, facts: Fact[]}} shown */
  show({ title, text = "", facts }) {
    setText(part(this, "title"), title);
    setText(part(this, "text"), text);
    part(this, "facts").replaceChildren(...facts.map((fact) => this.#item(fact)));
    if (!this.#dialog.open) this.#dialog.showModal();
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

/** @param {{title: string, text?: string, facts: Fact[]}} shown */
export function showFacts(shown) {
  /** @type {any} */ (document.querySelector("facts-dialog")).show(shown);
}

customElements.define("facts-dialog", FactsDialog);
