import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";
import { toast } from "/js/elements/toast-stack.js";

const SOON_MS = 200;
const MOST = 20;

/** Finds people by name and picks one, told as `picked`, or several, kept in `chosen`. */
class PeoplePicker extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {Map<string, any>} */ chosen = new Map();
  /** @type {any[]} */ #found = [];
  /** @type {any} */ #timer;
  #search = 0;

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("people-picker"));
    this.on(part(this, "query"), "input", () => this.#soon());
    this.on(part(this, "query"), "keydown", (event) => this.#key(event));
  }

  get #isMany() {
    return this.hasAttribute("many");
  }

  begin() {
    this.chosen.clear();
    part(this, "query").value = "";
    this.#find();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#find(), SOON_MS);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (this.#found[0]) this.#pick(this.#found[0]);
  }

  async #find() {
    const search = ++this.#search;
    try {
      const query = part(this, "query").value.trim();
      const users = query ? await this.api.findUsers(query) : this.chat.people.all;
      if (search !== this.#search) return;
      this.chat.people.learn(users);
      this.#found = users.filter((/** @type {any} */ { id }) => id !== this.chat.me?.id).slice(0, MOST);
    } catch (problem) {
      toast(tProblem(problem), "bad");
    }
    this.#render();
  }

  /** @param {any} user */
  #pick(user) {
    if (!this.#isMany) return void this.dispatchEvent(new CustomEvent("picked", { detail: user.id }));
    if (this.chosen.has(user.id)) this.chosen.delete(user.id);
    else this.chosen.set(user.id, user);
    this.#render();
  }

  #render() {
    part(this, "chosen").hidden = this.chosen.size === 0;
    part(this, "chosen").replaceChildren(...[...this.chosen.values()].map((user) => this.#chip(user)));
    part(this, "found").replaceChildren(...this.#found.map((user) => this.#item(user)));
    setText(part(this, "none"), this.#found.length ? "" : t(part(this, "query").value.trim() ? "people.none" : "people.hint"));
  }

  /** @param {any} user */
  #chip(user) {
    const chip = /** @type {HTMLElement} */ (stamp("people-chip").firstElementChild);
    setText(part(chip, "name"), user.display_name || user.username);
    chip.addEventListener("click", () => this.#pick(user));
    return chip;
  }

  /** @param {any} user */
  #item(user) {
    const item = /** @type {HTMLElement} */ (stamp("people-item").firstElementChild);
    const button = part(item, "go");
    const name = user.display_name || user.username;
    paintAvatar(part(item, "avatar"), user.id, name);
    setText(part(item, "name"), name);
    setText(part(item, "handle"), [`@${user.username}`, this.chat.blocks.has(user.id) && t("block.mark")].filter(Boolean).join(" · "));
    if (this.#isMany) button.ariaPressed = String(this.chosen.has(user.id));
    button.addEventListener("click", () => this.#pick(user));
    return item;
  }
}

customElements.define("people-picker", PeoplePicker);
