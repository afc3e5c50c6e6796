import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";
import { begunName, completed, fitting } from "/js/models/completion.js";
import { toast } from "/js/elements/toast-stack.js";

/** People come and go: a list of them is not good for long. */
const GOOD_MS = 30_000;
let lists = 0;

/** Whom `@…` may mean, over the box that one writes in. The focus stays in the text. */
class MentionList extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {HTMLTextAreaElement} */ #text = /** @type {any} */ (null);
  /** @type {Map<string, {at: number, users: any[]}>} */ #members = new Map();
  /** @type {any[]} */ #users = [];
  #at = 0;

  /** @param {HTMLTextAreaElement} text */
  follow(text) {
    this.#text = text;
    this.id = `mentions-${++lists}`;
    this.setAttribute("role", "listbox");
    this.hidden = true;
    for (const [name, value] of [["aria-autocomplete", "list"], ["aria-controls", this.id], ["aria-expanded", "false"]]) text.setAttribute(name, value);
    this.on(text, "input click", () => this.#look());
    this.on(text, "blur", () => this.#show([]));
    this.on(this, "pointerdown", (event) => this.#pressed(event));
    this.on(document, "localechange", () => this.setAttribute("aria-label", t("composer.mentions")));
    this.setAttribute("aria-label", t("composer.mentions"));
  }

  get isOpen() {
    return this.#users.length > 0;
  }

  /** Takes the keys that are for it. @param {KeyboardEvent} event @returns {boolean} */
  takes(event) {
    if (!this.isOpen || event.isComposing) return false;
    const { key } = event;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step) this.#mark((this.#at + step + this.#users.length) % this.#users.length);
    else if ((key === "Enter" && !event.shiftKey) || key === "Tab") this.#choose(this.#at);
    else if (key === "Escape") this.#show([]);
    else return false;
    event.preventDefault();
    return true;
  }

  async #look() {
    const begun = this.#begun();
    if (!begun) return this.#show([]);
    const members = await this.#load();
    const now = this.#begun();
    if (!now) return this.#show([]);
    const { assistant = "off" } = /** @type {any} */ (this.chat.feed?.detail ?? {});
    const words = [...(assistant === "off" ? [] : ["ai"]), ...(this.chat.feed?.may("mention_all") ? ["all", "here"] : [])];
    // A name of somebody whom one has blocked is only a word.
    const others = members.filter(({ id }) => id !== this.chat.me?.id && !this.chat.blocks.has(id));
    this.#show(fitting(others, now.query, words));
  }

  #begun() {
    const { value, selectionStart, selectionEnd } = this.#text;
    return selectionStart === selectionEnd ? begunName(value, selectionStart) : null;
  }

  /** Who is in the room. @returns {Promise<any[]>} */
  async #load() {
    const room = this.chat.current ?? "";
    if (Date.now() - (this.#members.get(room)?.at ?? 0) > GOOD_MS) {
      try {
        const { items } = await this.api.members(room, null);
        const users = items.map((/** @type {any} */ { user }) => user);
        this.chat.people.learn(users);
        this.#members.set(room, { at: Date.now(), users });
      } catch (problem) {
        if (/** @type {any} */ (problem).code !== "offline") toast(tProblem(problem), "bad");
      }
    }
    return this.#members.get(room)?.users ?? [];
  }

  /** @param {PointerEvent} event */
  #pressed(event) {
    event.preventDefault();
    const at = [...this.children].findIndex((child) => child.contains(/** @type {Node} */ (event.target)));
    if (at >= 0) this.#choose(at);
  }

  /** @param {number} at */
  #choose(at) {
    const begun = this.#begun();
    const user = this.#users[at];
    this.#show([]);
    if (!begun || !user) return;
    const { text, caret } = completed(this.#text.value, begun, this.#text.selectionStart, user.username);
    this.#text.value = text;
    this.#text.setSelectionRange(caret, caret);
    this.#text.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  /* Rendering */

  /** @param {any[]} users */
  #show(users) {
    this.#users = users;
    this.hidden = users.length === 0;
    this.#text.setAttribute("aria-expanded", String(users.length > 0));
    this.replaceChildren(...users.map((user, at) => this.#item(user, at)));
    this.#mark(0);
  }

  /** @param {number} at */
  #mark(at) {
    this.#at = at;
    [...this.children].forEach((child, place) => child.setAttribute("aria-selected", String(place === at)));
    const marked = this.children[at];
    if (!marked) return this.#text.removeAttribute("aria-activedescendant");
    this.#text.setAttribute("aria-activedescendant", marked.id);
    marked.scrollIntoView({ block: "nearest" });
  }

  /** @param {any} user @param {number} at */
  #item({ id, username, display_name }, at) {
    const item = /** @type {HTMLElement} */ (stamp("mention-item").firstElementChild);
    item.id = `${this.id}-${at}`;
    paintAvatar(part(item, "avatar"), id || username, id ? display_name || username : "@");
    setText(part(item, "name"), id ? display_name || username : `@${username}`);
    setText(part(item, "handle"), id ? `@${username}` : t(`composer.call.${username}`));
    return item;
  }
}

customElements.define("mention-list", MentionList);
