import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tn } from "/js/i18n.js";
import { paintAvatar } from "/js/avatar.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { tell } from "/js/elements/telling.js";
import { talkTo } from "/js/elements/room-menu.js";
import { toast } from "/js/elements/toast-stack.js";

const TABS = ["person", "group", "find"];
const SOON_MS = 250;

/** New talk: with one person, in a group of one's own, or in one that is open to all. Also brings people into a group. */
class TalkDialog extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** The group that people are brought into. @type {string | null} */ #into = null;
  /** @type {any[]} */ #rooms = [];
  /** @type {string | null} */ #next = null;
  /** @type {any} */ #timer;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("talk-dialog");
    for (const picker of copy.querySelectorAll("people-picker")) Object.assign(picker, { chat: this.chat, api: this.api });
    this.append(copy);
    const dialog = this.#dialog;
    this.on(part(this, "close"), "click", () => dialog.close());
    this.on(dialog, "click", ({ target }) => target === dialog && dialog.close());
    for (const tab of TABS) this.on(part(this, `tab-${tab}`), "click", () => this.#turn(tab));
    this.on(this.querySelector('[role="tablist"]') ?? this, "keydown", (event) => this.#tabKey(event));
    this.on(part(this, "one"), "picked", ({ detail }) => (dialog.close(), talkTo(this.chat, this.api, detail)));
    this.on(part(this, "panel-group"), "submit", (event) => (event.preventDefault(), this.#make()));
    this.on(part(this, "query"), "input", () => this.#soon());
    this.on(part(this, "more"), "click", () => this.#find(this.#next));
    this.on(document, "invite", ({ detail }) => this.#invite(detail));
    this.on(document, "new-talk", ({ detail }) => this.show(detail));
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /* Actions */

  /** @param {string} [tab] */
  show(tab = "person") {
    this.#into = null;
    this.#begin(t("talk.title"));
    this.#turn(tab);
  }

  /** @param {string} room */
  #invite(room) {
    this.#into = room;
    this.#begin(t("room.invite.title", { room: this.chat.book.get(room)?.name ?? "" }));
    this.#turn("group");
  }

  /** @param {string} title */
  #begin(title) {
    setText(part(this, "title"), title);
    const isInvite = this.#into !== null;
    part(this, "tabs").hidden = isInvite;
    for (const name of ["name-field", "listed-field"]) part(this, name).hidden = isInvite;
    setText(part(this, "create"), t(isInvite ? "room.invite.do" : "talk.group.make"));
    part(this, "panel-group").reset();
    this.#dialog.showModal();
  }

  /** @param {string} tab */
  #turn(tab) {
    sayProblem(this, null);
    for (const name of TABS) {
      const isOn = name === tab;
      part(this, `tab-${name}`).setAttribute("aria-selected", String(isOn));
      part(this, `tab-${name}`).tabIndex = isOn ? 0 : -1;
      part(this, `panel-${name}`).hidden = !isOn;
    }
    if (tab === "person") part(this, "one").begin();
    if (tab === "group") part(this, "many").begin();
    if (tab === "find") this.#find(null);
    const first = [...part(this, `panel-${tab}`).querySelectorAll("input")].find((input) => input.offsetParent !== null);
    first?.focus();
  }

  /** @param {KeyboardEvent} event */
  #tabKey({ key, target }) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!step) return;
    const at = TABS.findIndex((tab) => target === part(this, `tab-${tab}`));
    const next = TABS.at((at + step) % TABS.length) ?? TABS[0];
    this.#turn(next);
    part(this, `tab-${next}`).focus();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#find(null), SOON_MS);
  }

  async #make() {
    const { name, listed } = part(this, "panel-group").elements;
    const people = [...part(this, "many").chosen.keys()];
    const into = this.#into;
    if (!into && !name.value.trim()) return name.focus();
    part(this, "create").disabled = true;
    await this.#try(async () => {
      if (into) await this.#bring(into, people);
      else {
        const room = await this.api.send("POST", "/rooms", { name: name.value.trim(), member_ids: people, listed: listed.checked });
        this.chat.learnRoom(room);
        tell("go-to", { room: room.id });
      }
      this.#dialog.close();
    });
    part(this, "create").disabled = false;
  }

  /** @param {string} room @param {string[]} people */
  async #bring(room, people) {
    const { added } = await this.api.send("POST", `/rooms/${encodeURIComponent(room)}/members`, { user_ids: people });
    toast(tn("room.invited", Array.isArray(added) ? added.length : added));
    tell("members-changed", null);
  }

  /** @param {string | null} cursor */
  async #find(cursor) {
    await this.#try(async () => {
      const query = new URLSearchParams({ query: part(this, "query").value.trim(), limit: "30", ...(cursor && { cursor }) });
      const { items, next } = await this.api.get(`/rooms/directory?${query}`);
      this.#rooms = cursor ? [...this.#rooms, ...items] : items;
      this.#next = next ?? null;
      this.#renderRooms();
    });
  }

  /** @param {any} room */
  async #enter(room) {
    await this.#try(async () => {
      if (!room.joined) await this.api.send("POST", `/rooms/${encodeURIComponent(room.id)}/join`);
      await this.chat.refreshRooms();
      this.#dialog.close();
      tell("go-to", { room: room.id });
    });
  }

  /** @param {() => Promise<void>} work */
  async #try(work) {
    try {
      sayProblem(this, null);
      await work();
    } catch (problem) {
      const isApart = /** @type {any} */ (problem).reason === "blocked";
      sayProblem(this, isApart ? Object.assign(/** @type {any} */ (problem), { told: this.#apart() }) : problem);
    }
  }

  /** Why nobody was brought in: whom one has blocked oneself one knows by name. */
  #apart() {
    const mine = [...part(this, "many").chosen.values()].filter(({ id }) => this.chat.blocks.has(id));
    const names = mine.map(({ id }) => this.chat.people.name(id)).join(", ");
    return names ? t("block.invite.mine", { names }) : t("block.invite");
  }

  /* Rendering */

  #renderRooms() {
    part(this, "rooms").replaceChildren(...this.#rooms.map((room) => this.#card(room)));
    part(this, "empty").hidden = this.#rooms.length > 0;
    part(this, "more").hidden = this.#next === null;
  }

  /** @param {any} room */
  #card(room) {
    const card = /** @type {HTMLElement} */ (stamp("club-card").firstElementChild);
    paintAvatar(part(card, "avatar"), room.id, room.name);
    setText(part(card, "name"), room.name);
    setText(part(card, "text"), room.topic ?? "");
    setText(part(card, "facts"), tn("clubs.members", room.member_count ?? 0));
    const action = part(card, "action");
    setText(action, t(room.joined ? "clubs.enter" : "clubs.join"));
    action.classList.toggle("primary", !room.joined);
    action.addEventListener("click", () => this.#enter(room));
    return card;
  }
}

customElements.define("talk-dialog", TalkDialog);
