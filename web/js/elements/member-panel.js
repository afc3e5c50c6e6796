import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, t, tn, tProblem } from "/js/i18n.js";
import { toast } from "/js/elements/toast-stack.js";

const BESIDE = matchMedia("(width >= 70rem)");
const KEY = "moim.members";

/** Who belongs to the current room and who is here now: a column on a desktop, a drawer elsewhere. */
class MemberPanel extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {string | null} */ #room = null;
  /** @type {Map<string, any>} */ #members = new Map();
  /** @type {string | null} */ #next = null;
  #isDrawn = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("member-panel"));
    this.on(this.chat, "selected presence", () => this.#refresh());
    this.on(this.chat, "people", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    this.on(BESIDE, "change", () => this.#place());
    this.on(part(this, "close"), "click", () => this.#set(false));
    this.on(part(this, "scrim"), "click", () => this.#set(false));
    this.on(part(this, "more"), "click", () => this.#load());
    this.on(document, "keydown", ({ key }) => key === "Escape" && this.#isDrawer && this.#isOpen && this.#set(false));
    this.#place();
  }

  get #isOpen() {
    return !this.hidden;
  }

  /** A drawer lies over the rest and takes the focus. */
  get #isDrawer() {
    return !BESIDE.matches;
  }

  /* Actions */

  toggle() {
    this.#set(!this.#isOpen);
  }

  /** Beside the conversation it comes back as it was left; as a drawer it begins closed. */
  #place() {
    this.#show(BESIDE.matches && localStorage.getItem(KEY) !== "closed");
  }

  /** @param {boolean} isOpen */
  #set(isOpen) {
    if (BESIDE.matches) localStorage.setItem(KEY, isOpen ? "open" : "closed");
    this.#show(isOpen);
    if (!this.#isDrawer) return;
    const button = /** @type {HTMLElement | null} */ (document.querySelector(".members-button"));
    (isOpen ? part(this, "close") : button)?.focus();
  }

  /** @param {boolean} isOpen */
  #show(isOpen) {
    this.hidden = !isOpen;
    const isOver = isOpen && this.#isDrawer;
    for (const side of document.querySelectorAll("room-list, .stage")) side.toggleAttribute("inert", isOver);
    document.querySelector(".members-button")?.setAttribute("aria-expanded", String(isOpen));
    this.#refresh();
  }

  /** Loads a room's members when they are first looked at, and again when somebody unknown is there. */
  #refresh() {
    const { current, feed } = this.chat;
    if (current !== this.#room) {
      this.#room = current;
      this.#members.clear();
      this.#next = null;
      this.#isDrawn = false;
    }
    if (!this.#isOpen || !current) return;
    if (!this.#isDrawn && feed?.isLoaded) this.#load();
    this.#render();
  }

  async #load() {
    const room = this.#room;
    if (!room) return;
    this.#isDrawn = true;
    try {
      const { items, next } = await this.api.members(room, this.#next);
      if (room !== this.#room) return;
      for (const item of items) this.#members.set(item.user.id, item);
      this.chat.people.learn(items.map((/** @type {any} */ { user }) => user));
      this.#next = next ?? null;
    } catch (problem) {
      this.#isDrawn = false;
      if (/** @type {any} */ (problem).code !== "offline") toast(tProblem(problem), "bad");
    }
    this.#render();
  }

  /* Rendering */

  #render() {
    if (!this.#isOpen) return;
    const { online, count } = this.chat.feed?.presence ?? { online: null, count: 0 };
    const here = online ? [...online].map((id) => this.#member(id)) : this.#known(({ online: is }) => is);
    const away = this.#known(({ user, online: is }) => (online ? !online.has(user.id) : !is));
    this.#title("online", online ? here.length : count);
    this.#title("offline", away.length);
    part(this, "online").replaceChildren(...here.sort(byName).map((member) => this.#item(member, true)));
    part(this, "offline").replaceChildren(...away.sort(byName).map((member) => this.#item(member, false)));
    part(this, "more").hidden = this.#next === null;
    const isTooMany = !online && count > here.length;
    part(this, "note").hidden = !isTooMany;
    setText(part(this, "note"), isTooMany ? tn("members.count", count) : "");
  }

  /** @param {"online" | "offline"} name @param {number} count */
  #title(name, count) {
    setText(part(this, `${name}-title`), count ? `${t(`members.${name}`)} · ${number(count)}` : "");
  }

  /** @param {(member: any) => boolean} test */
  #known(test) {
    return [...this.#members.values()].filter(test);
  }

  /** One who is online, whether the list of members has come that far or not. @param {string} id */
  #member(id) {
    const user = this.chat.people.get(id);
    const member = this.#members.get(id) ?? { user: user ?? { id, username: "", display_name: "" }, role: null };
    // Whoever came after the list was fetched stays in it when they go offline.
    if (user) this.#members.set(id, member);
    return member;
  }

  /** @param {any} member @param {boolean} isHere */
  #item({ user, role }, isHere) {
    const item = /** @type {HTMLElement} */ (stamp("member-item").firstElementChild);
    const name = user.display_name || user.username || t("someone");
    paintAvatar(part(item, "avatar"), user.id, name);
    item.classList.toggle("is-here", isHere);
    setText(part(item, "name"), user.id === this.chat.me?.id ? `${name} (${t("members.you")})` : name);
    setText(part(item, "handle"), user.username ? `@${user.username}` : "");
    const isNamed = role === "owner" || role === "manager";
    part(item, "role").hidden = !isNamed;
    if (isNamed) setText(part(item, "role"), t(`members.role.${role}`));
    return item;
  }
}

/** @param {any} a @param {any} b */
function byName(a, b) {
  return (a.user.display_name || a.user.username).localeCompare(b.user.display_name || b.user.username);
}

customElements.define("member-panel", MemberPanel);
