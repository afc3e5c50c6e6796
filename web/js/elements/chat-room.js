import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, soon, t, tn } from "/js/i18n.js";
import { tell } from "/js/elements/telling.js";
import { removedText, roomName } from "/js/elements/room-name.js";
import { roomMenu } from "/js/elements/room-menu.js";

/** The conversation with its header, or a hint when no room is selected. */
class ChatRoom extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("chat-room");
    for (const tag of ["status-pill", "message-timeline", "typing-line", "message-composer"]) {
      Object.assign(/** @type {any} */ (copy.querySelector(tag)), { chat: this.chat, api: this.api });
    }
    this.append(copy);
    this.on(this.chat, "rooms selected presence detail threads people", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    for (const [name, event] of [["back", "go-list"], ["go-on", "go-on"], ["members", "toggle-members"], ["browse", "browse-clubs"]]) {
      this.on(part(this, name), "click", () => this.dispatchEvent(new Event(event, { bubbles: true })));
    }
    for (const name of ["threads", "pins", "search"]) this.on(part(this, name), "click", () => tell("toggle-panel", name));
    this.on(part(this, "menu"), "click", () => roomMenu(this.chat, this.api, part(this, "menu")));
    this.#render();
  }

  /* Rendering */

  /** No room is selected, or the one that was is lost. */
  #renderNone() {
    const gone = this.chat.gone.now;
    setText(part(this, "none-title"), gone ? removedText(gone) : t("room.none.title"));
    const until = gone?.until ? t("room.gone.until", { until: soon(gone.until) }) : "";
    const said = gone?.reason ? t("composer.muted.why", { reason: gone.reason }) : "";
    const why = gone?.why === "banned" ? until || t("room.gone.ever") : gone?.why === "kicked" ? t("room.gone.back") : "";
    setText(part(this, "none-hint"), gone ? [why, t("room.gone.text"), said].filter(Boolean).join(" ") : t("room.none.hint"));
    part(this, "browse").hidden = gone !== null;
    part(this, "go-on").hidden = gone === null;
    if (gone && document.activeElement === document.body) part(this, "none-title").focus();
  }

  #render() {
    const { room, feed, me } = this.chat;
    part(this, "none").hidden = Boolean(room) || !me;
    if (!room) this.#renderNone();
    part(this, "conversation").hidden = !room;
    if (!room) return;
    setText(part(this, "name"), roomName(this.chat, room));
    const isStale = feed?.presence.isStale ?? true;
    const online = isStale ? 0 : (feed?.presence.count ?? 0);
    const club = room.club ? (this.chat.clubs.get(room.club)?.name ?? "") : "";
    const peer = room.peer ? feed?.presence.state(room.peer) : null;
    const said = room.peer && !isStale && feed?.presence.has(room.peer) ? peer?.text || t(`state.${peer?.state ?? "online"}`) : "";
    const slow = feed?.detail?.slow_mode_s ? t("room.slow", { seconds: number(feed.detail.slow_mode_s) }) : "";
    const always = feed?.detail?.assistant === "always" ? t("assist.always") : "";
    const facts = [club, room.peer ? said : online ? tn("room.online", online) : "", slow, always, feed?.detail?.topic];
    setText(part(this, "subtitle"), facts.filter(Boolean).join(" · "));
    part(this, "subtitle").title = feed?.detail?.topic ?? "";
    setText(part(this, "count"), online ? number(online) : "");
    const unread = feed?.threads.unread ?? 0;
    part(this, "threads-unread").hidden = unread === 0;
    setText(part(this, "threads-unread"), number(unread));
  }
}

customElements.define("chat-room", ChatRoom);
