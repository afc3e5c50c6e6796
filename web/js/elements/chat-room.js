import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, tn } from "/js/i18n.js";

/** The conversation with its header, or a hint when no room is selected. */
class ChatRoom extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("chat-room");
    for (const tag of ["status-pill", "message-timeline", "typing-line", "message-composer"]) {
      /** @type {any} */ (copy.querySelector(tag)).chat = this.chat;
    }
    this.append(copy);
    this.on(this.chat, "rooms selected presence", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    for (const [name, event] of [["back", "go-list"], ["members", "toggle-members"], ["browse", "browse-clubs"]]) {
      this.on(part(this, name), "click", () => this.dispatchEvent(new Event(event, { bubbles: true })));
    }
    this.#render();
  }

  /* Rendering */

  #render() {
    const { room, feed, me } = this.chat;
    part(this, "none").hidden = Boolean(room) || !me;
    part(this, "conversation").hidden = !room;
    if (!room) return;
    setText(part(this, "name"), room.name);
    const online = feed?.presence.count ?? 0;
    const club = room.club ? (this.chat.clubs.get(room.club)?.name ?? "") : "";
    setText(part(this, "subtitle"), [club, online ? tn("room.online", online) : ""].filter(Boolean).join(" · "));
    setText(part(this, "count"), online ? number(online) : "");
  }
}

customElements.define("chat-room", ChatRoom);
