import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { sayProblem } from "/js/elements/form-problem.js";

/** A dialog of moderators: a tab for each list, which comes page by page. What the lists are is said by who extends it. */
export class AdminDialog extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** In their order. @type {string[]} */ tabs = [];
  /** Of what it is, in the API. */ at = "";
  tab = "";
  /** @type {any[]} */ #items = [];
  /** @type {string | null} */ #next = null;
  #turn = 0;

  /* For who extends it */

  /** How an entry of the open list looks. @param {any} _item @returns {HTMLElement} */
  draw(_item) {
    return document.createElement("li");
  }

  /** What is asked for, of a tab that is no list null. @returns {string | null} */
  get path() {
    return `/${this.tab}`;
  }

  /** Another tab is open. */
  turned() {}

  /** A page of the open list has come. @param {any[]} _items @param {string | null} _next */
  listed(_items, _next) {}

  /* Lifecycle */

  /** @param {string} template @param {string} wish the event that opens it */
  build(template, wish) {
    this.append(stamp(template));
    const { dialog } = this;
    this.on(part(this, "close"), "click", () => dialog.close());
    this.on(dialog, "click", ({ target }) => target === dialog && dialog.close());
    for (const tab of this.tabs) this.on(part(this, `tab-${tab}`), "click", () => this.open(tab));
    this.on(part(this, "tabs"), "keydown", (event) => this.#tabKey(event));
    this.on(part(this, "more"), "click", () => this.#load());
    this.on(this.chat, "people", () => dialog.open && this.path && this.#render());
    this.on(document, wish, ({ detail }) => this.show(detail));
  }

  /** @returns {HTMLDialogElement} */
  get dialog() {
    return part(this, "dialog");
  }

  /* Actions */

  /** @param {any} _wish */
  show(_wish) {}

  /** @param {string} title @param {string} tab */
  begin(title, tab) {
    setText(part(this, "title"), title);
    part(this, "tabs").hidden = this.#shown.length < 2;
    this.dialog.showModal();
    this.open(tab);
  }

  get #shown() {
    return this.tabs.filter((tab) => !part(this, `tab-${tab}`).hidden);
  }

  /** @param {KeyboardEvent} event */
  #tabKey({ key, target }) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const shown = this.#shown;
    const at = shown.findIndex((tab) => target === part(this, `tab-${tab}`));
    if (!step || at < 0) return;
    const next = shown.at((at + step) % shown.length) ?? shown[0];
    this.open(next);
    part(this, `tab-${next}`).focus();
  }

  /** @param {string} tab */
  open(tab) {
    this.tab = tab;
    this.#items = [];
    this.#next = null;
    this.#turn += 1;
    sayProblem(this, null);
    for (const name of this.tabs) {
      part(this, `tab-${name}`).setAttribute("aria-selected", String(name === tab));
      part(this, `tab-${name}`).tabIndex = name === tab ? 0 : -1;
    }
    part(this, `tab-${tab}`).scrollIntoView({ block: "nearest", inline: "nearest" });
    part(this, "panel").setAttribute("aria-labelledby", part(this, `tab-${tab}`).id);
    part(this, "list").replaceChildren();
    setText(part(this, "none"), "");
    part(this, "more").hidden = true;
    this.turned();
    if (this.path) this.#load();
  }

  async #load() {
    const turn = (this.#turn += 1);
    const path = `${this.at}${this.path}`;
    const cursor = this.#next ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(this.#next)}` : "";
    await this.try(async () => {
      const { items, next } = await this.api.get(`${path}${cursor}`);
      if (turn !== this.#turn) return;
      this.#items.push(...items);
      this.#next = next ?? null;
      this.listed(this.#items, this.#next);
      this.#render();
    });
  }

  /** @param {() => Promise<void>} work what goes wrong with it is said in the dialog */
  async try(work) {
    try {
      sayProblem(this, null);
      await work();
    } catch (problem) {
      sayProblem(this, problem);
    }
  }

  /** Does something to one entry and looks again. @param {string} method @param {string} path */
  change(method, path) {
    return this.try(async () => {
      await this.api.send(method, `${this.at}${path}`);
      this.open(this.tab);
      part(this, `tab-${this.tab}`).focus();
    });
  }

  /* Rendering */

  #render() {
    part(this, "list").replaceChildren(...this.#items.map((item) => this.draw(item)));
    setText(part(this, "none"), this.#items.length ? "" : t(`${this.tab}.none`));
    part(this, "more").hidden = this.#next === null;
  }
}
