import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, t, tn, tProblem } from "/js/i18n.js";
import { Ev } from "/js/protocol.js";
import { tell } from "/js/elements/telling.js";
import { toast } from "/js/elements/toast-stack.js";

/** Who belongs to the current room and who is here now. */
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
    this.on(this.chat, "people detail status", () => this.#render());
    this.on(this.chat.blocks, "change", () => this.#render());
    this.on(this.chat, "timeline", ({ detail }) => this.#news(detail));
    this.on(document, "localechange", () => this.#render());
    this.on(document, "members-changed", () => this.#again());
    this.on(part(this, "more"), "click", () => this.#load());
    this.on(part(this, "invite"), "click", () => tell("invite", this.chat.current));
    this.on(this, "click", ({ target }) => this.#pressed(target));
  }

  show() {
    this.#refresh();
  }

  /* Actions */

  /** @param {HTMLElement} target */
  #pressed(target) {
    const button = /** @type {HTMLElement | null} */ (target.closest("[data-member]"));
    if (!button) return;
    const user = button.dataset.member ?? "";
    tell("show-person", { user, anchor: button, role: this.#members.get(user)?.role ?? null });
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
    if (this.hidden) return;
    if (current && !this.#isDrawn && feed?.isLoaded) this.#load();
    this.#render();
  }

  #lastLine = 0;

  /** Somebody came, went or has another role. @param {string} room */
  #news(room) {
    const { feed } = this.chat;
    if (room !== this.#room || !this.#isDrawn) return;
    const last = feed?.timeline.entries.at(-1);
    if (last?.type !== "line" || last.seq <= this.#lastLine) return;
    this.#lastLine = last.seq;
    if (last.ev === Ev.MemberRole) return this.#again();
    // Who comes is seen by their presence.
    if (last.ev !== Ev.MemberJoin) this.#members.delete(last.user);
    this.#render();
  }

  #again() {
    this.#next = null;
    this.#isDrawn = false;
    this.#members.clear();
    this.#refresh();
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
      const { code } = /** @type {any} */ (problem);
      if (code !== "offline" && code !== "not_found") toast(tProblem(problem), "bad");
    }
    this.#render();
  }

  /* Rendering */

  #render() {
    if (this.hidden) return;
    const { online, count, isStale } = this.chat.feed?.presence ?? { online: null, count: 0, isStale: false };
    // Whoever looks is here, whether the others have been told already or not.
    const me = this.chat.me?.id ?? "";
    const ids = online && new Set(me && this.chat.status === "online" && this.#members.has(me) ? [...online, me] : online);
    const here = ids ? [...ids].map((id) => this.#member(id)) : this.#known(({ online: is }) => is);
    const away = this.#known(({ user, online: is }) => (ids ? !ids.has(user.id) : !is));
    this.#title("online", online ? here.length : count);
    this.#title("offline", away.length);
    const held = /** @type {HTMLElement} */ (document.activeElement)?.dataset?.member;
    part(this, "online").replaceChildren(...this.#sorted(here).map((member) => this.#item(member, true)));
    part(this, "offline").replaceChildren(...this.#sorted(away).map((member) => this.#item(member, false)));
    if (held) /** @type {HTMLElement | null} */ (this.querySelector(`[data-member="${CSS.escape(held)}"]`))?.focus();
    part(this, "more").hidden = this.#next === null;
    part(this, "invite").hidden = this.chat.room?.kind !== "group" || !this.chat.feed?.may("invite");
    this.classList.toggle("is-stale", isStale);
    const last = this.chat.status === "stopped" ? t("members.stale.stopped") : t("members.stale");
    const note = isStale ? last : !online && count > here.length ? tn("members.count", count) : "";
    part(this, "note").hidden = !note;
    setText(part(this, "note"), note);
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

  /** By what they are called by now, which is not always what the list said. @param {any[]} members */
  #sorted(members) {
    const name = (/** @type {any} */ { user }) => this.chat.people.name(user.id) || user.username;
    return members.sort((a, b) => name(a).localeCompare(name(b)));
  }

  /** @param {any} member @param {boolean} isHere */
  #item({ user, role, state: listed }, isHere) {
    const item = /** @type {HTMLElement} */ (stamp("member-item").firstElementChild);
    const name = this.chat.people.name(user.id) || t("someone");
    const presence = this.chat.feed?.presence;
    const { state, text } = presence?.online ? presence.state(user.id) : { state: listed ?? "online", text: undefined };
    const button = part(item, "member");
    button.dataset.member = user.id;
    paintAvatar(part(item, "avatar"), user.id, name);
    item.classList.toggle("is-here", isHere);
    item.dataset.state = isHere ? state : "";
    setText(part(item, "name"), name);
    const said = text ?? user.status_text ?? "";
    const how = isHere && state !== "online" ? t(`state.${state}`) : "";
    const isBlocked = this.chat.blocks.has(user.id);
    const about = [isBlocked && t("block.mark"), how, said].filter(Boolean).join(" · ") || (user.username ? `@${user.username}` : "");
    setText(part(item, "handle"), [user.id === this.chat.me?.id ? t("members.you") : "", about].filter(Boolean).join(" · "));
    part(item, "bot").hidden = !this.chat.people.isBot(user.id);
    const isNamed = role === "owner" || role === "manager";
    part(item, "role").hidden = !isNamed;
    // Rooms of no club have other words for who moderates them.
    const named = { group: "host", lobby: "admin" }[this.chat.room?.kind ?? ""] ?? role;
    if (isNamed) setText(part(item, "role"), t(`members.role.${named}`));
    return item;
  }
}

customElements.define("member-panel", MemberPanel);
