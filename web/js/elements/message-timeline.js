import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { dayKey, t, tn, tProblem } from "/js/i18n.js";
import { catchUp } from "/js/models/missed.js";
import { rowsOf } from "/js/models/rows.js";
import { isAtEnd, isNearEnd, isNearTop, ScrollAnchor } from "/js/models/scroll-anchor.js";
import { confirm } from "/js/elements/ask-dialog.js";
import { pressed } from "/js/elements/message-acts.js";
import { RowPainter } from "/js/elements/row-painter.js";
import { roomName } from "/js/elements/room-name.js";
import { tried } from "/js/elements/telling.js";
import { toast } from "/js/elements/toast-stack.js";

const FLASH_MS = 1800;

/** The conversation of the current room: draws rows, keeps the reader's place, fetches history. */
class MessageTimeline extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #anchor = new ScrollAnchor();
  /** @type {RowPainter} */ #painter = /** @type {any} */ (null);
  /** @type {string | null} */ #room = null;
  /** Where to go as soon as it is there. @type {{room: string, seq: number} | null} */ #goal = null;
  /** Messages that are picked to be deleted together. @type {Set<string> | null} */ #picked = null;
  #isPlanned = false;
  /** @type {ResizeObserver | null} */ #sizes = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("message-timeline"));
    const { chat } = this;
    this.#painter = new RowPainter(chat, part(this, "rows"));
    const actions = /** @type {any} */ (document.createElement("message-actions"));
    actions.chat = chat;
    actions.follow(part(this, "rows"));
    this.on(chat, "selected", () => this.#turn());
    this.on(chat, "timeline threads", ({ detail }) => detail === chat.current && this.#plan());
    this.on(chat, "people status detail", () => this.#plan());
    this.on(chat.folds, "change", () => this.#plan());
    this.on(document, "localechange", () => this.#plan());
    this.on(document, "visibilitychange", () => this.#attend());
    this.on(document, "select-messages", ({ detail }) => this.#select(new Set([detail])));
    this.on(window, "focus", () => this.#attend());
    this.on(this.#log, "scroll", () => this.#scrolled());
    this.on(part(this, "latest"), "click", () => this.#toEnd());
    this.on(part(this, "select-cancel"), "click", () => this.#select(null));
    this.on(part(this, "select-delete"), "click", () => this.#removePicked());
    this.on(part(this, "rows"), "click", (event) => pressed(chat, this.api, event, null));
    this.on(part(this, "rows"), "click", ({ target }) => this.#catchUp(target.closest('[data-part="catch-up"]')));
    this.on(part(this, "rows"), "change", ({ target }) => this.#pick(target));
    // The box shrinks when a phone shows its keyboard: what was at the end stays there.
    this.#sizes = new ResizeObserver(([{ target }]) => (target === this.#log || this.#anchor.stuck) && this.#settle());
    this.#sizes.observe(this.#log);
    this.#sizes.observe(part(this, "rows"));
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

  /** Brings a message into view, now or when its room is there. @param {string} room @param {number} seq */
  goTo(room, seq) {
    this.#goal = { room, seq };
    this.#plan();
  }

  /** Another room is selected. */
  #turn() {
    const { current } = this.chat;
    if (current !== this.#room) {
      this.#room = current;
      this.#picked = null;
      this.#painter.clear();
      this.#anchor.stick();
    }
    this.#render();
  }

  #scrolled() {
    this.#anchor.scrolled(this.#log, this.chat.feed?.past ? false : undefined);
    this.#renderLatest();
    this.#attend();
    this.#reach();
  }

  /** @param {HTMLElement | null} [then] what is at hand there */
  #toEnd(then = document.getElementById("composer")) {
    this.chat.feed?.present();
    this.#anchor.stick();
    this.#render();
    this.#scrolled();
    then?.focus({ preventScroll: true });
  }

  /** Has the assistant say what was missed; the answer comes at the end. @param {HTMLButtonElement | null} button */
  async #catchUp(button) {
    if (!button) return;
    const room = this.#room;
    button.disabled = true;
    const isAsked = await tried(catchUp(this.chat, this.api, t("ai.catch.ask")));
    button.disabled = false;
    // On a phone the box to write in would bring the keyboard, and cover the answer.
    if (isAsked && room === this.#room) this.#toEnd(this.#log);
  }

  /** Whether somebody really sees the end. */
  #attend() {
    const isInView = document.visibilityState === "visible" && this.#log.clientHeight > 0 && isAtEnd(this.#log);
    this.chat.attend(isInView && this.#room !== null && !this.chat.feed?.past);
  }

  /** More messages, when the reader comes near an end of what is there or it does not fill the box. */
  #reach() {
    const { feed } = this.chat;
    if (!feed?.isLoaded || this.#log.clientHeight === 0) return;
    if (!feed.view.complete && isNearTop(this.#log)) this.chat.more("older");
    if (feed.past && !feed.past.isLoading && isNearEnd(this.#log)) this.chat.more("newer");
  }

  /* Picking */

  /** @param {Set<string> | null} picked */
  #select(picked) {
    this.#picked = picked;
    this.#render();
    if (picked) part(this, "select-delete").focus();
  }

  /** @param {HTMLInputElement} box */
  #pick(box) {
    const id = /** @type {HTMLElement | null} */ (box.closest("message-row"))?.dataset.id;
    if (!this.#picked || !id) return;
    if (box.checked) this.#picked.add(id);
    else this.#picked.delete(id);
    this.#render();
  }

  async #removePicked() {
    const ids = [...(this.#picked ?? [])];
    if (ids.length === 0) return;
    const isDone = await confirm("delete.many", { count: ids.length }, () => this.chat.acts.removeMany(this.#room ?? "", ids));
    if (isDone) this.#select(null);
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

  /** Nothing is shown that would be folded a moment later. */
  #mayDraw() {
    const { blocks, folds } = this.chat;
    if (!folds.isReady) blocks.has(null);
    return folds.isReady;
  }

  /** @param {boolean} [isArriving] the view moves at once: what is near its old place is not wanted */
  #render(isArriving = false) {
    const { feed, me } = this.chat;
    if (!feed || !me || !this.#mayDraw()) return this.#attend();
    const log = this.#log;
    if (this.#anchor.stuck && !feed.past) feed.trim();
    this.#anchor.hold(log, this.#anchor.stuck ? [] : this.#painter.tops);
    log.setAttribute("aria-label", t("room.messages", { room: roomName(this.chat, this.chat.room) }));
    log.setAttribute("aria-busy", String(feed.state === "replaying" || feed.isLoadingOlder || !feed.isLoaded));
    const rows = rowsOf(feed.view, { me: me.id, newAfter: feed.past ? null : feed.newAfter, dayOf: dayKey });
    this.#painter.draw(rows, this.#picked);
    this.classList.toggle("is-selecting", this.#picked !== null);
    this.#renderHistory(rows.length);
    // The author's own words are always shown.
    if (!feed.past && rows.at(-1)?.type === "message" && this.#sentNow(rows)) this.#anchor.stick();
    this.#settle();
    this.#renderLatest();
    this.#renderPicked();
    this.#attend();
    if (!this.#seek() && !isArriving) this.#reach();
  }

  /** Goes where it is to go. @returns {boolean} whether it is on its way */
  #seek() {
    const goal = this.#goal;
    const { feed, current } = this.chat;
    if (!goal || goal.room !== current || !feed?.isLoaded) return false;
    this.#goal = null;
    feed.lookUp(goal.seq).then(
      () => this.#arrive(goal.seq),
      (problem) => toast(tProblem(problem), "bad"),
    );
    return true;
  }

  /** @param {number} seq */
  #arrive(seq) {
    this.#anchor.scrolled(this.#log, false);
    this.#render(true);
    const message = this.chat.feed?.view.messageAt(seq);
    const row = /** @type {HTMLElement | null} */ (
      this.querySelector(`[data-seq="${message?.seq ?? seq}"]`) ?? this.querySelector(`.thread-row[data-id="${message?.id}"]`)
    );
    if (!row) return toast(t("room.gone"), "bad");
    row.scrollIntoView({ block: "center" });
    row.classList.add("is-found");
    row.focus({ preventScroll: true });
    setTimeout(() => row.classList.remove("is-found"), FLASH_MS);
    this.#scrolled();
  }

  #lastSent = "";

  /** Whether a send appeared since the last drawing. @param {any[]} rows */
  #sentNow(rows) {
    const sent = rows.at(-1)?.state === "sending" ? rows.at(-1).key : this.#lastSent;
    const isNew = sent !== this.#lastSent;
    this.#lastSent = sent;
    return isNew;
  }

  /** @param {number} count of rows */
  #renderHistory(count) {
    const { feed, room } = this.chat;
    const isQuiet = Boolean(feed?.isLoaded) && count === 0;
    part(this, "hint").hidden = !isQuiet;
    const start = room?.kind === "private" ? "room.start.private" : "room.start";
    const key = !feed?.isLoaded ? "room.loading" : feed.view.complete ? start : "room.older";
    const { retention_days: days, horizon = 0 } = feed?.detail ?? {};
    const isCut = key === start && days && horizon > 0;
    setText(part(this, "history"), isQuiet ? "" : isCut ? tn("room.kept", days) : t(key, { room: roomName(this.chat, room) }));
  }

  #renderLatest() {
    const { feed, room } = this.chat;
    part(this, "latest").hidden = this.#anchor.stuck && !feed?.past;
    const isNews = Boolean(feed && room && room.n > room.read_n);
    part(this, "latest").classList.toggle("is-news", isNews);
    setText(part(this, "latest-text"), t(isNews ? "room.latest.new" : "room.latest"));
  }

  #renderPicked() {
    const count = this.#picked?.size ?? 0;
    part(this, "select").hidden = this.#picked === null;
    setText(part(this, "select-count"), tn("select.count", count));
    part(this, "select-delete").disabled = count === 0;
  }

  /* Place */

  #settle() {
    const top = this.#anchor.settle(this.#log, (key) => this.#painter.element(key)?.offsetTop ?? null);
    if (top !== null && Math.abs(this.#log.scrollTop - top) > 0.5) this.#log.scrollTop = top;
  }
}

customElements.define("message-timeline", MessageTimeline);
