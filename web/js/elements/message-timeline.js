import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { day, dayKey, t } from "/js/i18n.js";
import { rowsOf } from "/js/models/rows.js";
import { isAtEnd, isNearTop, ScrollAnchor } from "/js/models/scroll-anchor.js";

/** The conversation of the current room: draws rows, keeps the reader's place, fetches history. */
class MessageTimeline extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  #anchor = new ScrollAnchor();
  /** @type {Map<string, any>} */ #drawn = new Map();
  /** @type {string | null} */ #room = null;
  #isPlanned = false;
  /** @type {ResizeObserver | null} */ #sizes = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("message-timeline"));
    const { chat } = this;
    this.on(chat, "selected", () => this.#turn());
    this.on(chat, "timeline", ({ detail }) => detail === chat.current && this.#plan());
    this.on(chat, "people status", () => this.#plan());
    this.on(document, "localechange", () => this.#plan());
    this.on(document, "visibilitychange", () => this.#attend());
    this.on(window, "focus", () => this.#attend());
    this.on(this.#log, "scroll", () => this.#scrolled());
    this.on(part(this, "latest"), "click", () => this.#toEnd());
    this.on(this, "click", ({ target }) => this.#pressed(target));
    // The box shrinks when a phone shows its keyboard: what was at the end stays there.
    this.#sizes = new ResizeObserver(() => this.#settle());
    this.#sizes.observe(this.#log);
    this.#turn();
  }

  disconnectedCallback() {
    this.#sizes?.disconnect();
    this.chat.attend(false);
    super.disconnectedCallback();
  }

  /** @returns {HTMLElement} */
  get #log() {
    return part(this, "log");
  }

  /* Actions */

  /** Another room is selected. */
  #turn() {
    const { current } = this.chat;
    if (current !== this.#room) {
      this.#room = current;
      this.#drawn.clear();
      part(this, "rows").replaceChildren();
      this.#anchor.stick();
    }
    this.#render();
  }

  #scrolled() {
    this.#anchor.scrolled(this.#log);
    this.#renderLatest();
    this.#attend();
    this.#reach();
  }

  #toEnd() {
    this.#anchor.stick();
    this.#settle();
    this.#scrolled();
    document.getElementById("composer")?.focus({ preventScroll: true });
  }

  /** The buttons of a send that failed. @param {HTMLElement} target */
  #pressed(target) {
    const { action } = target.dataset ?? {};
    const cid = /** @type {HTMLElement | null} */ (target.closest("message-row"))?.dataset.cid;
    if (!action || !cid) return;
    if (action === "again") this.chat.again(cid);
    if (action === "drop") this.chat.drop(cid);
    document.getElementById("composer")?.focus({ preventScroll: true });
  }

  /** Whether somebody really sees the end. */
  #attend() {
    const isInView = document.visibilityState === "visible" && this.#log.clientHeight > 0 && isAtEnd(this.#log);
    this.chat.attend(isInView && this.#room !== null);
  }

  /** Older messages, when the reader comes near the oldest or they do not fill the box. */
  #reach() {
    const { feed } = this.chat;
    if (feed?.isLoaded && !feed.timeline.complete && this.#log.clientHeight > 0 && isNearTop(this.#log)) {
      this.chat.older();
    }
  }

  /* Rendering */

  /** Many events of one frame become one drawing. */
  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#render();
    });
  }

  #render() {
    const { feed, me } = this.chat;
    if (!feed || !me) return this.#attend();
    const log = this.#log;
    if (this.#anchor.stuck) feed.trim();
    this.#anchor.hold(log, this.#places());
    log.setAttribute("aria-label", t("room.messages", { room: this.chat.room?.name ?? "" }));
    log.setAttribute("aria-busy", String(feed.state === "replaying" || feed.isLoadingOlder || !feed.isLoaded));
    const rows = rowsOf(feed.timeline, { me: me.id, newAfter: feed.newAfter, dayOf: dayKey });
    this.#draw(rows);
    this.#renderHistory(rows.length);
    // The author's own words are always shown.
    if (rows.at(-1)?.type === "message" && this.#sentNow(rows)) this.#anchor.stick();
    this.#settle();
    this.#renderLatest();
    this.#attend();
    this.#reach();
  }

  #lastSent = "";

  /** Whether a send appeared since the last drawing. @param {any[]} rows */
  #sentNow(rows) {
    const sent = rows.at(-1)?.state === "sending" ? rows.at(-1).key : this.#lastSent;
    const isNew = sent !== this.#lastSent;
    this.#lastSent = sent;
    return isNew;
  }

  /** @param {import("/js/models/rows.js").Row[]} rows */
  #draw(rows) {
    const parent = part(this, "rows");
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, element] of this.#drawn) {
      if (keys.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    let next = parent.firstElementChild;
    for (const row of rows) {
      const element = this.#drawn.get(row.key) ?? this.#newElement(row);
      this.#drawn.set(row.key, element);
      if (element === next) next = next.nextElementSibling;
      else parent.insertBefore(element, next);
      this.#fill(element, row);
    }
  }

  /** @param {import("/js/models/rows.js").Row} row @returns {any} */
  #newElement(row) {
    if (row.type === "message") return document.createElement("message-row");
    const element = /** @type {HTMLElement} */ (stamp("quiet-row").firstElementChild);
    element.classList.add(`is-${row.type}`);
    return element;
  }

  /** @param {any} element @param {import("/js/models/rows.js").Row} row */
  #fill(element, row) {
    if (row.type === "day") return setText(part(element, "text"), day(row.at));
    if (row.type === "new") return setText(part(element, "text"), t("room.new"));
    if (row.type === "line") {
      const name = this.chat.people.name(row.user) || t("someone");
      return setText(part(element, "text"), t(`line.${row.ev}`, { name }));
    }
    const about = {
      name: this.chat.people.name(row.by),
      username: this.chat.me?.username ?? "",
      isOnline: this.chat.status === "online",
      quote: this.#quoteOf(row),
    };
    element.show(row, about, this.chat.keys);
  }

  /** @param {any} row */
  #quoteOf({ reply_to }) {
    const message = reply_to ? this.chat.feed?.timeline.message(reply_to) : null;
    if (!message) return null;
    return { name: this.chat.people.name(message.by), text: message.deleted ? t("message.deleted") : message.text || (message.files?.[0]?.name ?? "") };
  }

  /** @param {number} count of rows */
  #renderHistory(count) {
    const { feed, room } = this.chat;
    const isQuiet = Boolean(feed?.isLoaded) && count === 0;
    part(this, "hint").hidden = !isQuiet;
    const key = !feed?.isLoaded ? "room.loading" : feed.timeline.complete ? "room.start" : "room.older";
    setText(part(this, "history"), isQuiet ? "" : t(key, { room: room?.name ?? "" }));
  }

  #renderLatest() {
    const { feed, room } = this.chat;
    part(this, "latest").hidden = this.#anchor.stuck;
    const isNews = Boolean(feed && room && room.n > room.read_n);
    part(this, "latest").classList.toggle("is-news", isNews);
    setText(part(this, "latest-text"), t(isNews ? "room.latest.new" : "room.latest"));
  }

  /* Place */

  #places() {
    if (this.#anchor.stuck) return [];
    return [...this.#drawn].map(([key, { offsetTop, offsetHeight }]) => ({ key, top: offsetTop, height: offsetHeight }));
  }

  #settle() {
    const top = this.#anchor.settle(this.#log, (key) => this.#drawn.get(key)?.offsetTop ?? null);
    if (top !== null && Math.abs(this.#log.scrollTop - top) > 0.5) this.#log.scrollTop = top;
  }
}

customElements.define("message-timeline", MessageTimeline);
