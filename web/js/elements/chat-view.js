import { LiveElement, part, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";
import { toast } from "/js/elements/toast-stack.js";

const LAST = "moim.room";
const TWO_SCREENS = matchMedia("(width < 48rem)");

/** The signed-in page: what is selected (the address says it), which screen a phone shows, dialogs, keys. */
class ChatView extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #isReady = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("chat-view");
    for (const tag of ["room-list", "chat-room", "member-panel", "club-dialog", "room-dialog"]) {
      Object.assign(/** @type {any} */ (copy.querySelector(tag)), { chat: this.chat, api: this.api });
    }
    this.append(copy);
    this.#listen();
  }

  #listen() {
    this.on(window, "hashchange", () => this.#follow());
    this.on(window, "keydown", (event) => this.#key(event));
    this.on(TWO_SCREENS, "change", () => this.#follow());
    this.on(this, "browse-clubs", () => this.#child("club-dialog").show());
    this.on(this, "make-room", ({ detail }) => this.#child("room-dialog").show(detail));
    this.on(this, "go-room", ({ detail }) => this.#go(detail));
    this.on(this, "go-list", () => this.#go(null));
    this.on(this, "toggle-members", () => this.#child("member-panel").toggle());
    this.on(this, "click", (event) => this.#clicked(event));
    this.on(this.chat, "rooms", () => this.#roomsChanged());
    this.on(this.chat, "selected", () => this.#render());
    this.on(this.chat, "problem", ({ detail }) => toast(tProblem(detail), "bad"));
    this.on(this.chat, "removed", ({ detail }) => this.#removed(detail));
  }

  /* Actions */

  /** The first room list decides what to show; later ones may bring the room that the address names. */
  #roomsChanged() {
    const { book } = this.chat;
    document.title = book.unread > 0 ? `(${book.unread}) Moim` : "Moim";
    if (this.chat.current && book.get(this.chat.current)) return;
    if (!this.#isReady || wanted()) this.#follow();
    this.#isReady = true;
  }

  /** Shows what the address says, or on a wide screen the room of last time. */
  #follow() {
    const { book } = this.chat;
    if (book.size === 0) return this.#render();
    const named = wanted();
    const room = book.get(named ?? "") ?? (TWO_SCREENS.matches ? null : this.#usual());
    if (room && room.room !== named) history.replaceState(null, "", `#/${encodeURIComponent(room.room)}`);
    if (!room && named) history.replaceState(null, "", location.pathname);
    if (room) localStorage.setItem(LAST, room.room);
    if ((room?.room ?? null) !== this.chat.current || !room) this.chat.select(room?.room ?? null);
    if (room && !TWO_SCREENS.matches) this.#focusComposer();
  }

  #usual() {
    const { book } = this.chat;
    return book.get(localStorage.getItem(LAST) ?? "") ?? book.list.find(({ kind }) => kind === "lobby") ?? book.list[0];
  }

  /** @param {string | null} room */
  #go(room) {
    if (room) location.hash = `#/${encodeURIComponent(room)}`;
    else {
      history.replaceState(null, "", location.pathname);
      this.chat.select(null);
      this.querySelector(/** @type {any} */ ("room-list [data-room]"))?.focus();
    }
  }

  /** The room that is selected already: go to where one writes. @param {MouseEvent} event */
  #clicked(event) {
    const link = /** @type {HTMLElement} */ (event.target).closest?.("[data-room]");
    if (!link || /** @type {HTMLElement} */ (link).dataset.room !== this.chat.current) return;
    if (!TWO_SCREENS.matches) this.#focusComposer();
  }

  /** Alt and an arrow go through the rooms. @param {KeyboardEvent} event */
  #key(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!event.altKey || !step || event.isComposing) return;
    event.preventDefault();
    const { list } = this.chat.book;
    const at = list.findIndex(({ room }) => room === this.chat.current);
    const next = list.at((at + step) % list.length);
    if (next) this.#go(next.room);
  }

  /** @param {{name: string, why: string}} news */
  #removed({ name, why }) {
    const known = ["left", "kicked", "banned", "deleted"].includes(why) ? why : "other";
    toast(t(`room.removed.${known}`, { room: name }), why === "left" ? "good" : "bad");
    if (!this.chat.room) queueMicrotask(() => this.#follow());
  }

  #focusComposer() {
    const held = document.activeElement;
    if (held?.closest("dialog, member-panel")) return;
    document.getElementById("composer")?.focus({ preventScroll: true });
  }

  /* Rendering */

  #render() {
    part(this, "chat").dataset.screen = this.chat.current ? "room" : "list";
  }

  /** @param {string} tag @returns {any} */
  #child(tag) {
    return this.querySelector(tag);
  }
}

/** The room in the address. */
function wanted() {
  const found = location.hash.match(/^#\/([\w%.~-]+)$/);
  try {
    return found ? decodeURIComponent(found[1]) : null;
  } catch {
    return null;
  }
}

customElements.define("chat-view", ChatView);
