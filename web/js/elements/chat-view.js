import { LiveElement, part, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";
import { Ev } from "/js/protocol.js";
import { removedText } from "/js/elements/room-name.js";
import { toast } from "/js/elements/toast-stack.js";

const LAST = "moim.room";
const PARTS = "room-list, chat-room, side-panel, club-dialog, room-dialog, talk-dialog, room-settings, club-admin, room-admin, instance-admin, person-card, account-dialog, reactor-names";
/** Rooms of one club go within this time. */
const TOGETHER_MS = 500;
const TWO_SCREENS = matchMedia("(width < 48rem)");

/** The signed-in page: what is selected (the address says it), which screen a phone shows, dialogs, keys. */
class ChatView extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #isReady = false;
  /** @type {Set<string | null>} */ #lostClubs = new Set();

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("chat-view");
    this.chat.people.erased = () => t("person.erased");
    for (const element of copy.querySelectorAll(PARTS)) Object.assign(element, { chat: this.chat, api: this.api });
    this.append(copy);
    this.#listen();
  }

  #listen() {
    this.on(window, "hashchange", () => (this.#uncover(), this.#follow()));
    this.on(window, "keydown", (event) => this.#key(event));
    this.on(TWO_SCREENS, "change", () => this.#follow());
    this.on(this, "browse-clubs", () => this.#child("club-dialog").show());
    this.on(this, "make-room", ({ detail }) => this.#child("room-dialog").show(detail));
    this.on(this, "go-room", ({ detail }) => this.#go(detail));
    this.on(this, "go-list", () => this.#go(null));
    this.on(this, "go-on", () => (this.chat.select(null), this.#follow()));
    this.on(this, "toggle-members", () => this.#child("side-panel").toggle("members"));
    this.on(document, "toggle-panel", ({ detail }) => this.#child("side-panel").toggle(detail));
    this.on(document, "go-to", ({ detail }) => this.#goTo(detail));
    this.on(this, "click", (event) => this.#clicked(event));
    this.on(this.chat, "rooms", () => this.#roomsChanged());
    this.on(this.chat, "selected", () => this.#render());
    this.on(this.chat, "problem", ({ detail }) => toast(tProblem(detail), "bad"));
    this.on(this.chat, "answer", ({ detail }) => this.#answer(detail));
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
    const { room: named, at } = wanted() ?? { room: null, at: null };
    const room = book.get(named ?? "") ?? (TWO_SCREENS.matches ? null : this.#usual());
    if (room && (room.room !== named || at || location.pathname !== "/")) history.replaceState(null, "", `/#/${encodeURIComponent(room.room)}`);
    if (!room && named) history.replaceState(null, "", "/");
    if (room) localStorage.setItem(LAST, room.room);
    if ((room?.room ?? null) !== this.chat.current || !room) this.chat.select(room?.room ?? null);
    if (room && at) this.#child("message-timeline").goTo(room.room, at);
    if (room && !TWO_SCREENS.matches && !at) this.#focusComposer();
  }

  /** Shows a room, and in it a message. @param {{room: string | null, seq?: number | null}} goal */
  #goTo({ room, seq }) {
    this.#uncover();
    if (room !== this.chat.current) this.#go(room);
    if (!room && !TWO_SCREENS.matches) this.#follow();
    if (room && seq) this.#child("message-timeline").goTo(room, seq);
  }

  /** A panel that lies over the conversation hides where the back button of a browser leads. */
  #uncover() {
    if (!matchMedia("(width >= 70rem)").matches) this.#child("side-panel").close();
  }

  #usual() {
    const { book } = this.chat;
    return book.get(localStorage.getItem(LAST) ?? "") ?? book.list.find(({ kind }) => kind === "lobby") ?? book.list[0];
  }

  /** @param {string | null} room */
  #go(room) {
    if (room) location.hash = `#/${encodeURIComponent(room)}`;
    else {
      history.replaceState(null, "", "/");
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
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return this.#child("side-panel").open({ name: "search" });
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!event.altKey || !step || event.isComposing) return;
    event.preventDefault();
    const { list } = this.chat.book;
    const at = list.findIndex(({ room }) => room === this.chat.current);
    const next = list.at((at + step) % list.length);
    if (next) this.#go(next.room);
  }

  /** Who looked at the room is told in its place, and stays there; who did not is told in passing. @param {import("/js/models/gone.js").Lost} lost */
  #removed(lost) {
    if (this.chat.gone.now?.room === lost.room) return history.replaceState(null, "", "/");
    if (lost.club) this.#lostOfClub(lost);
    else toast(removedText(lost), lost.why === "left" ? "good" : "bad");
    if (!this.chat.room && !this.chat.gone.now) queueMicrotask(() => this.#follow());
  }

  /** Of a club that is lost as a whole one is told once, and who has left it was told so. @param {import("/js/models/gone.js").Lost} lost */
  #lostOfClub(lost) {
    const { why, club } = lost;
    if (why === "left") return;
    const isWhole = why === "kicked" || why === "banned";
    if (!isWhole) return toast(removedText(lost), "bad");
    if (this.#lostClubs.has(club)) return;
    this.#lostClubs.add(club);
    setTimeout(() => {
      this.#lostClubs.delete(club);
      if (this.chat.gone.now?.club !== club) toast(removedText(lost), "bad");
    }, TOGETHER_MS);
  }

  /** A question of the reader waits, or gets no answer: where it stands in view it says so itself. @param {any} event */
  #answer({ ev, room, asker, place, ...refusal }) {
    if (room === this.chat.current || (asker && asker !== this.chat.me?.id)) return;
    if (ev === Ev.AiWait) toast(t("ai.wait", { count: place }));
    else toast(`${t("ai.refused")} ${tProblem({ ...refusal, retryMs: refusal.retry_ms })}`, "bad");
  }

  #focusComposer() {
    const held = document.activeElement;
    if (held?.closest("dialog, side-panel, [popover]")) return;
    document.getElementById("composer")?.focus({ preventScroll: true });
  }

  /* Rendering */

  #render() {
    part(this, "chat").dataset.screen = this.chat.current || this.chat.gone.now ? "room" : "list";
  }

  /** @param {string} tag @returns {any} */
  #child(tag) {
    return this.querySelector(tag);
  }
}

/** The room in the address, and a place in it: `#/r_12?at=1043`, or `/rooms/r_12?at=1043` from outside. */
function wanted() {
  const address = location.hash ? location.hash.slice(1) : location.pathname.replace("/rooms", "") + location.search;
  const found = address.match(/^\/([\w%.~-]+)(?:\?at=(\d+))?$/u);
  try {
    return found ? { room: decodeURIComponent(found[1]), at: found[2] ? Number(found[2]) : null } : null;
  } catch {
    return null;
  }
}

customElements.define("chat-view", ChatView);
