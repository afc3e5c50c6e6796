import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { paintAvatar } from "/js/avatar.js";

/** Who is signed in, the language, and the way out. */
class AccountMenu extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("account-menu"));
    this.on(this.chat, "rooms", () => this.#render());
    this.on(part(this, "sign-out"), "click", () => this.dispatchEvent(new Event("sign-out", { bubbles: true })));
    this.#render();
  }

  #render() {
    const { me } = this.chat;
    if (!me) return;
    paintAvatar(part(this, "avatar"), me.id, me.display_name);
    setText(part(this, "name"), me.display_name);
    setText(part(this, "handle"), `@${me.username}`);
  }
}

customElements.define("account-menu", AccountMenu);
