import { part, setText, stamp } from "/js/dom.js";
import { day, t, tn } from "/js/i18n.js";
import { inShort } from "/js/in-short.js";
import { mayCatchUp } from "/js/models/missed.js";

const MOST_NAMES = 3;

/** Draws rows of `models/rows.js` and touches only what is different. For the conversation and for a thread. */
export class RowPainter {
  #chat;
  #place;
  /** @type {Map<string, any>} */ #drawn = new Map();

  /** @param {import("/js/models/chat.js").Chat} chat @param {HTMLElement} place */
  constructor(chat, place) {
    this.#chat = chat;
    this.#place = place;
  }

  /** Where each row is, for who keeps the reader's place. */
  get tops() {
    return [...this.#drawn].map(([key, { offsetTop, offsetHeight }]) => ({ key, top: offsetTop, height: offsetHeight }));
  }

  /** @param {string} key @returns {any} */
  element(key) {
    return this.#drawn.get(key) ?? null;
  }

  clear() {
    this.#drawn.clear();
    this.#place.replaceChildren();
  }

  /** @param {import("/js/models/rows.js").Row[]} rows @param {Set<string> | null} [picked] ids, while one picks */
  draw(rows, picked = null) {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, element] of this.#drawn) {
      if (keys.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    let next = this.#place.firstElementChild;
    for (const row of rows) {
      const element = this.#drawn.get(row.key) ?? newElement(row);
      this.#drawn.set(row.key, element);
      if (element === next) next = element.nextElementSibling;
      else this.#place.insertBefore(element, next);
      this.#fill(element, row, picked);
    }
  }

  /** @param {any} element @param {import("/js/models/rows.js").Row} row @param {Set<string> | null} picked */
  #fill(element, row, picked) {
    if (row.type === "day") return setText(part(element, "text"), day(row.at));
    if (row.type === "new") return this.#fillNew(element);
    if (row.type === "thread") return this.#fillThread(element, row);
    if (row.type === "line") {
      const role = row.role ? t(`members.role.${row.role}`) : "";
      return setText(part(element, "text"), t(`line.${row.ev}`, { name: this.#name(row.user), role }));
    }
    const { me, feed, status } = this.#chat;
    const isMod = Boolean(feed?.may("delete_others"));
    const wait = feed?.questions.waitOf(row.id) ?? null;
    const about = {
      name: this.#chat.people.name(row.by),
      isErased: this.#chat.people.isErased(row.by),
      isBot: this.#chat.people.isBot(row.by),
      username: me?.username ?? "",
      isOnline: status === "online",
      quote: this.#quoteOf(row),
      unread: row.id ? (feed?.threads.unreadOf(row.id) ?? 0) : 0,
      isPicked: picked ? picked.has(row.id ?? "") : null,
      mayStop: row.ai?.asker === me?.id || isMod,
      wait: wait && { place: wait.place, isMine: wait.asker === me?.id, mayEnd: wait.asker === me?.id || isMod },
      noAnswer: feed?.questions.problemOf(row.id) ?? null,
      isFolded: this.#chat.folds.hides(row),
    };
    element.show(row, about, this.#chat.keys);
  }

  /** From here on it is new. @param {any} element */
  #fillNew(element) {
    setText(part(element, "text"), t("room.new"));
    setText(part(element, "catch-up-text"), t("ai.catch"));
    part(element, "catch-up").hidden = !mayCatchUp(this.#chat);
  }

  /** What was said in a thread meanwhile. @param {any} element @param {any} row */
  #fillThread(element, row) {
    const { feed, folds } = this.#chat;
    element.dataset.root = row.root;
    element.dataset.id = row.id ?? "";
    const by = row.by.filter((/** @type {string} */ user) => !folds.hides({ id: row.count > 1 ? null : row.id, by: user }));
    const names = by.slice(0, MOST_NAMES).map((/** @type {string} */ user) => this.#name(user));
    const more = by.length > MOST_NAMES ? " …" : "";
    setText(part(element, "by"), names.join(", ") + more);
    const isFolded = row.count === 1 && by.length === 0;
    const said = row.id ? feed?.message(row.id) : null;
    const text = said && !said.deleted ? inShort(said) : row.text;
    setText(part(element, "text"), row.count > 1 ? tn("thread.replies", row.count) : isFolded ? t("fold.text") : text);
    const about = feed?.message(row.root) ?? null;
    setText(part(element, "about"), folds.hides(about) ? t("fold.text") : (about ? inShort(about) : "").slice(0, 60));
    element.classList.toggle("is-unread", (feed?.threads.unreadOf(row.root) ?? 0) > 0);
  }

  /** @param {string} user */
  #name(user) {
    return this.#chat.people.name(user) || t("someone");
  }

  /** @param {any} row */
  #quoteOf({ reply_to }) {
    const message = reply_to ? this.#chat.feed?.message(reply_to) : null;
    if (!message) return null;
    if (this.#chat.folds.hides(message)) return { name: "", text: t("fold.text") };
    const text = message.deleted ? t("message.deleted") : inShort(message) || (message.files?.[0]?.name ?? "");
    return { name: this.#name(message.by), text };
  }
}

/** @param {import("/js/models/rows.js").Row} row @returns {any} */
function newElement(row) {
  if (row.type === "message") return document.createElement("message-row");
  const template = row.type === "thread" ? "thread-row" : row.type === "new" ? "new-row" : "quiet-row";
  const element = /** @type {HTMLElement} */ (stamp(template).firstElementChild);
  element.classList.add(`is-${row.type}`);
  return element;
}
