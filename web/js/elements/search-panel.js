import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";
import { foundInShort, inShort } from "/js/in-short.js";
import { cardOf } from "/js/elements/message-card.js";
import { tell } from "/js/elements/telling.js";

const SOON_MS = 300;
/** Pages in a row that may come empty before a person is asked to go on. */
const EMPTY_PAGES = 5;
const PAGE = "20";

/** Finds messages by their words, by who wrote them and when. */
class SearchPanel extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {any[]} */ #found = [];
  /** @type {string | null} */ #next = null;
  /** @type {any} */ #problem = null;
  /** @type {any} */ #timer;
  #search = 0;
  #isAsked = false;
  #isBusy = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("search-panel"));
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#begin()));
    this.on(part(this, "form"), "input", () => this.#soon());
    this.on(part(this, "more"), "click", () => this.#page());
    this.on(this.chat, "people", () => this.#render());
    this.on(this.chat.folds, "change", () => this.#render());
    this.on(this.chat, "removed", ({ detail }) => this.#forget(detail.room));
    this.on(this.chat, "selected", () => !this.hidden && this.#isAsked && part(this, "form").elements.where.value === "room" && this.#begin());
    this.on(document, "localechange", () => this.#render());
  }

  /** @param {{query?: string, from?: string}} wish */
  show({ query, from }) {
    const { elements } = part(this, "form");
    if (query !== undefined) elements.q.value = query;
    if (from !== undefined) elements.from.value = from;
    part(this, "filters").open ||= Boolean(from);
    elements.q.focus();
    elements.q.select();
    this.#render();
  }

  /* Actions */

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), SOON_MS);
  }

  /** What the reader may not read any more. @param {string} room */
  #forget(room) {
    this.#found = this.#found.filter(({ message }) => message.room !== room);
    if (!this.hidden) this.#render();
  }

  async #begin() {
    clearTimeout(this.#timer);
    this.#search += 1;
    this.#found = [];
    this.#next = null;
    this.#problem = null;
    this.#isAsked = true;
    await this.#page();
  }

  /** One page of what is found; a search reads so much at a time and may find nothing in it. */
  async #page() {
    const search = this.#search;
    const query = await this.#query();
    if (search !== this.#search) return;
    this.#isAsked = query !== null;
    if (!query) return this.#render();
    this.#isBusy = true;
    this.#render();
    try {
      for (let turn = 0; turn < EMPTY_PAGES; turn += 1) {
        const { items, next } = await this.api.search({ ...query, limit: PAGE, ...(this.#next && { cursor: this.#next }) });
        if (search !== this.#search) return;
        this.#found.push(...items);
        this.#next = next ?? null;
        if (items.length > 0 || next === null) break;
      }
    } catch (problem) {
      if (search !== this.#search) return;
      this.#problem = problem;
    }
    this.#isBusy = false;
    this.#render();
  }

  /** What is looked for, or null for nothing. @returns {Promise<Record<string, string> | null>} */
  async #query() {
    const { q, where, from, has, after, before } = part(this, "form").elements;
    /** @type {Record<string, string>} */
    const query = {};
    if (q.value.trim()) query.q = q.value.trim();
    const { room } = this.chat;
    if (where.value === "room" && room) query.room = room.room;
    if (where.value === "club" && room?.club) query.club = room.club;
    if (has.value) query.has = has.value;
    const name = from.value.trim().replace(/^@/u, "");
    if (name) query.from = await this.#userOf(name);
    if (!query.q && !query.from && !query.has) return null;
    if (after.value) query.after = String(new Date(`${after.value}T00:00`).getTime());
    if (before.value) query.before = String(new Date(`${before.value}T00:00`).getTime() + 86_400_000);
    return query;
  }

  /** The id behind a name; of somebody unknown nothing is found. @param {string} name */
  async #userOf(name) {
    const users = await this.api.findUsers(name).catch(() => []);
    this.chat.people.learn(users);
    const same = users.find((/** @type {any} */ { username }) => username.toLowerCase() === name.toLowerCase());
    return (same ?? users[0])?.id ?? "u_0";
  }

  /* Rendering */

  #render() {
    if (this.hidden) return;
    const { room } = this.chat;
    part(this, "where-club").hidden = !room?.club;
    part(this, "where-room").textContent = t("search.here", { room: room?.name ?? "" });
    part(this, "list").replaceChildren(...this.#found.map((found) => this.#card(found)));
    part(this, "more").hidden = this.#next === null || this.#isBusy;
    const isEmpty = this.#isAsked && !this.#isBusy && this.#found.length === 0;
    const told = this.#problem ? tProblem(this.#problem) : this.#isBusy ? t("search.busy") : isEmpty ? t(this.#next ? "search.go.on" : "search.none") : "";
    setText(part(this, "told"), told || (this.#isAsked ? "" : t("search.hint")));
  }

  /** @param {{message: any, highlights: [number, number][]}} found */
  #card({ message, highlights }) {
    const where = this.chat.book.get(message.room)?.name ?? "";
    const run = () => tell("go-to", { room: message.room, seq: message.seq });
    const text = inShort(message) || (message.files?.[0]?.name ?? "");
    const marks = foundInShort(message, highlights);
    return cardOf(this.chat, { id: message.id, user: message.by, at: message.at, where, text, marks, run });
  }
}

customElements.define("search-panel", SearchPanel);
