import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";

/** Who is typing in the current room. */
class TypingLine extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("typing-line"));
    this.on(this.chat, "typing selected people", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    this.#render();
  }

  #render() {
    const { feed, people, me } = this.chat;
    const users = (feed?.typing.active(Date.now()) ?? []).filter((user) => user !== me?.id);
    const [a, b] = users.map((user) => people.name(user) || t("someone"));
    const key = ["", "typing.one", "typing.two"][users.length] ?? "typing.many";
    this.classList.toggle("is-on", users.length > 0);
    setText(part(this, "text"), key ? t(key, { a, b }) : "");
  }
}

customElements.define("typing-line", TypingLine);
