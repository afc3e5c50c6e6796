import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, t, tn } from "/js/i18n.js";
import { isMuted, unreadOf } from "/js/models/room-book.js";
import { paintAvatar } from "/js/avatar.js";
import { roomName } from "/js/elements/room-name.js";
import { tell } from "/js/elements/telling.js";

const MOST_SHOWN = 99;
const GLYPHS = { lobby: "#icon-lobby", group: "#icon-people", manager: "#icon-shield" };

/** The side: rooms by club with exact unread counts, and the way to clubs. */
class RoomList extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {Map<string, HTMLElement>} */ #sections = new Map();
  /** @type {Map<string, HTMLElement>} */ #items = new Map();
  /** The room that was brought into view. @type {string | null} */ #seen = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("room-list");
    for (const tag of ["status-pill", "account-menu"]) /** @type {any} */ (copy.querySelector(tag)).chat = this.chat;
    this.append(copy);
    this.on(this.chat, "rooms selected presence people", () => this.#plan());
    this.on(document, "localechange", () => this.#render());
    this.on(this.chat.inbox, "change", () => this.#renderInbox());
    this.on(part(this, "inbox"), "click", () => tell("toggle-panel", "inbox"));
    this.on(part(this, "search"), "click", () => tell("toggle-panel", "search"));
    this.on(part(this, "talk"), "click", () => tell("new-talk", "person"));
    this.on(part(this, "browse"), "click", () => this.dispatchEvent(new Event("browse-clubs", { bubbles: true })));
    this.#render();
  }

  /* Actions */

  /** What one can add to a section. @param {string} key */
  #add(key) {
    if (key === "rooms.private") return tell("new-talk", "person");
    if (key === "rooms.lobby") return tell("new-talk", "group");
    this.dispatchEvent(new CustomEvent("make-room", { bubbles: true, detail: key }));
  }

  /* Rendering */

  #isPlanned = false;

  /** Much can happen to thousands of rooms between two pictures. */
  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    const draw = () => {
      this.#isPlanned = false;
      this.#render();
    };
    // Where nobody looks there are no pictures.
    if (document.visibilityState === "visible") requestAnimationFrame(draw);
    else setTimeout(draw);
  }

  #render() {
    const rooms = part(this, "rooms");
    const groups = this.#groups();
    const sections = groups.map(([key, list]) => this.#section(key, list));
    for (const key of this.#sections.keys()) if (!groups.some(([known]) => known === key)) this.#sections.delete(key);
    place(rooms, sections.length || !this.chat.me ? sections : [...stamp("room-list-empty").children]);
    this.#showCurrent();
  }

  /** The list may be long: the room that one came to is to be seen in it, and then the reader scrolls. */
  #showCurrent() {
    const { current } = this.chat;
    if (current === this.#seen || (current && !this.chat.book.get(current))) return;
    this.#seen = current;
    this.#items.get(current ?? "")?.scrollIntoView({ block: "nearest" });
  }

  /** @returns {[string, any[]][]} */
  #groups() {
    /** @type {Map<string, any[]>} */
    const groups = new Map();
    for (const room of this.chat.book.list) {
      const key = room.club ?? (room.kind === "private" ? "rooms.private" : "rooms.lobby");
      groups.set(key, [...(groups.get(key) ?? []), room]);
    }
    return [...groups];
  }

  /** @param {string} key a club, or the name of a group without one @param {any[]} rooms */
  #section(key, rooms) {
    const section = this.#sections.get(key) ?? this.#newSection(key);
    this.#sections.set(key, section);
    const name = key.startsWith("rooms.") ? t(key) : (this.chat.clubs.get(key)?.name ?? "");
    setText(part(section, "name"), name);
    const isClub = !key.startsWith("rooms.");
    part(section, "add").hidden = isClub && !this.chat.mayManage(key);
    part(section, "manage").hidden = !isClub || !this.chat.mayManage(key);
    part(section, "add").ariaLabel = part(section, "add").title = isClub ? t("club.add.room", { club: name }) : t(`${key}.add`);
    part(section, "manage").ariaLabel = part(section, "manage").title = t("club.admin.title", { club: name });
    place(part(section, "list"), rooms.map((room) => this.#item(room)));
    return section;
  }

  /** @param {string} key */
  #newSection(key) {
    const section = /** @type {HTMLElement} */ (stamp("room-section").firstElementChild);
    part(section, "add").addEventListener("click", () => this.#add(key));
    part(section, "manage").addEventListener("click", () => tell("club-admin", key));
    return section;
  }

  /** @param {import("/js/models/room-book.js").Room} room */
  #item(room) {
    const item = this.#items.get(room.room) ?? /** @type {HTMLElement} */ (stamp("room-item").firstElementChild);
    this.#items.set(room.room, item);
    const link = part(item, "link");
    const unread = unreadOf(room);
    link.href = `#/${encodeURIComponent(room.room)}`;
    link.dataset.room = room.room;
    link.classList.toggle("is-unread", unread > 0);
    if (room.room === this.chat.current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.classList.toggle("is-muted", isMuted(room));
    part(item, "icon").toggleAttribute("hidden", room.kind === "private");
    part(item, "glyph").setAttribute("href", GLYPHS[/** @type {keyof GLYPHS} */ (room.kind)] ?? "#icon-hash");
    part(item, "face").hidden = room.kind !== "private";
    if (room.peer) this.#face(part(item, "face"), room);
    setText(part(item, "name"), roomName(this.chat, room));
    badge(part(item, "mentions"), room.mentions, "@", tn("rooms.mentions", room.mentions));
    badge(part(item, "unread"), unread, "", tn("rooms.unread", unread));
    return item;
  }

  /** The other one in a private room, and whether they are here, as far as it is known. @param {HTMLElement} face @param {any} room */
  #face(face, { peer, name }) {
    paintAvatar(face, peer, name);
    const isHere = this.chat.isHere(peer);
    face.dataset.state = isHere ?? "";
  }

  #renderInbox() {
    const { unread } = this.chat.inbox;
    badge(part(this, "inbox-unread"), unread, "", tn("rooms.unread", unread));
  }
}

/** Puts children in order and touches only what moved, so that focus stays. @param {Element} parent @param {Element[]} children */
function place(parent, children) {
  for (const old of [...parent.children]) if (!children.includes(old)) old.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

/** @param {HTMLElement} element @param {number} count @param {string} sign @param {string} label */
function badge(element, count, sign, label) {
  element.hidden = count === 0;
  setText(element, sign + (count > MOST_SHOWN ? `${MOST_SHOWN}+` : number(count)));
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
}

customElements.define("room-list", RoomList);
