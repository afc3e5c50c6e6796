import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tn } from "/js/i18n.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { toast } from "/js/elements/toast-stack.js";

const SEARCH_AFTER_MS = 250;

/** Find a club and join it, or start one. */
class ClubDialog extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {any[]} */ #clubs = [];
  /** @type {string | null} */ #next = null;
  /** @type {any} */ #timer;
  #search = 0;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("club-dialog"));
    this.on(part(this, "close"), "click", () => this.#dialog.close());
    this.on(this.#dialog, "click", ({ target }) => target === this.#dialog && this.#dialog.close());
    for (const tab of ["find", "make"]) this.on(part(this, `tab-${tab}`), "click", () => this.#turn(tab));
    this.on(this.querySelector('[role="tablist"]') ?? this, "keydown", (event) => this.#tabKey(event));
    this.on(part(this, "query"), "input", () => this.#searchSoon());
    this.on(part(this, "more"), "click", () => this.#fetch(this.#next));
    this.on(part(this, "first"), "click", () => this.#turn("make"));
    this.on(part(this, "panel-make"), "submit", (event) => (event.preventDefault(), this.#make()));
    this.on(document, "localechange", () => this.#renderList());
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /* Actions */

  show() {
    this.#dialog.showModal();
    this.#turn("find");
    this.#fetch(null);
  }

  /** @param {string} tab */
  #turn(tab) {
    sayProblem(this, null);
    for (const name of ["find", "make"]) {
      const isOn = name === tab;
      part(this, `tab-${name}`).setAttribute("aria-selected", String(isOn));
      part(this, `tab-${name}`).tabIndex = isOn ? 0 : -1;
      part(this, `panel-${name}`).hidden = !isOn;
    }
    (tab === "find" ? part(this, "query") : part(this, "panel-make").elements.name).focus();
  }

  /** @param {KeyboardEvent} event */
  #tabKey({ key, target }) {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const other = target === part(this, "tab-find") ? "make" : "find";
    this.#turn(other);
    part(this, `tab-${other}`).focus();
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(null), SEARCH_AFTER_MS);
  }

  /** @param {string | null} cursor */
  async #fetch(cursor) {
    const search = ++this.#search;
    await this.#try(async () => {
      const { items, next } = await this.api.clubs(part(this, "query").value.trim(), cursor);
      if (search !== this.#search) return;
      this.#clubs = cursor ? [...this.#clubs, ...items] : items;
      this.#next = next ?? null;
      this.#renderList();
    });
  }

  /** @param {any} club */
  async #join(club) {
    await this.#try(async () => {
      await this.api.joinClub(club.id);
      toast(t("clubs.joined", { club: club.name }));
      await this.#enter(club.id);
    });
  }

  async #make() {
    const { name, description } = part(this, "panel-make").elements;
    const form = { name: name.value.trim(), description: description.value.trim() };
    if (form.name.length < 2) return name.focus();
    part(this, "create").disabled = true;
    await this.#try(async () => {
      const club = await this.api.makeClub(form);
      part(this, "panel-make").reset();
      toast(t("clubs.made", { club: club.name }));
      await this.#enter(club.id);
    });
    part(this, "create").disabled = false;
  }

  /** Goes to the first room of a club that the reader is in by now. @param {string} id */
  async #enter(id) {
    this.#dialog.close();
    this.chat.learnClub(await this.api.club(id));
    await this.chat.refreshRooms();
    const room = this.chat.book.list.find(({ club }) => club === id);
    if (room) this.dispatchEvent(new CustomEvent("go-room", { bubbles: true, detail: room.room }));
  }

  /** @param {() => Promise<void>} work */
  async #try(work) {
    try {
      sayProblem(this, null);
      await work();
    } catch (problem) {
      sayProblem(this, problem);
    }
  }

  /* Rendering */

  #renderList() {
    part(this, "list").replaceChildren(...this.#clubs.map((club) => this.#card(club)));
    part(this, "empty").hidden = this.#clubs.length > 0;
    // Where there are none at all nobody has looked for the wrong word.
    const isFirst = !part(this, "query").value.trim();
    setText(part(this, "empty-title"), t(isFirst ? "clubs.first.title" : "clubs.empty.title"));
    setText(part(this, "empty-hint"), t(isFirst ? "clubs.first.hint" : "clubs.empty.hint"));
    part(this, "first").hidden = !isFirst;
    part(this, "more").hidden = this.#next === null;
  }

  /** @param {any} club */
  #card(club) {
    const card = /** @type {HTMLElement} */ (stamp("club-card").firstElementChild);
    paintAvatar(part(card, "avatar"), club.id, club.name);
    setText(part(card, "name"), club.name);
    setText(part(card, "text"), club.greeting || club.description || "");
    setText(part(card, "facts"), tn("clubs.members", club.member_count ?? 0));
    const status = club.my?.status;
    const action = part(card, "action");
    // Only open clubs can be joined.
    const isShut = status === "banned" || club.join_policy !== "open";
    setText(action, t(status === "active" ? "clubs.enter" : isShut ? "clubs.shut" : "clubs.join"));
    action.disabled = status !== "active" && isShut;
    action.classList.toggle("primary", status !== "active" && !isShut);
    action.addEventListener("click", () => (status === "active" ? this.#try(() => this.#enter(club.id)) : this.#join(club)));
    return card;
  }
}

customElements.define("club-dialog", ClubDialog);
