import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { dayKey, t, tn, tProblem } from "/js/i18n.js";
import { rowsOf } from "/js/models/rows.js";
import { isAtEnd, isNearTop, ScrollAnchor } from "/js/models/scroll-anchor.js";
import { pressed } from "/js/elements/message-acts.js";
import { RowPainter } from "/js/elements/row-painter.js";
import { toast } from "/js/elements/toast-stack.js";

/** One thread: the message that began it, what was answered, and a box to answer in. */
class ThreadPanel extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #anchor = new ScrollAnchor();
  /** @type {RowPainter} */ #root = /** @type {any} */ (null);
  /** @type {RowPainter} */ #said = /** @type {any} */ (null);
  #isPlanned = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("thread-panel");
    Object.assign(part(copy, "composer"), { chat: this.chat, api: this.api });
    this.append(copy);
    this.#root = new RowPainter(this.chat, part(this, "root"));
    this.#said = new RowPainter(this.chat, part(this, "rows"));
    const actions = /** @type {any} */ (document.createElement("message-actions"));
    Object.assign(actions, { chat: this.chat, isThread: true });
    actions.follow(part(this, "both"));
    this.on(this.chat, "timeline threads", ({ detail }) => detail === this.chat.current && this.#plan());
    this.on(this.chat, "people status detail", () => this.#plan());
    this.on(this.chat.folds, "change", () => this.#plan());
    this.on(document, "localechange", () => this.#plan());
    this.on(part(this, "log"), "scroll", () => this.#scrolled());
    this.on(part(this, "both"), "click", (event) => pressed(this.chat, this.api, event, this.#thread?.root ?? null));
  }

  get heading() {
    return t("panel.thread");
  }

  get #thread() {
    return this.chat.feed?.thread ?? null;
  }

  /* Actions */

  /** @param {{root: string}} wish */
  show({ root }) {
    const { feed } = this.chat;
    if (!feed) return;
    part(this, "composer").thread = root;
    part(this, "composer").turn();
    this.#anchor.stick();
    if (feed.thread?.root === root) return this.#render();
    this.#root.clear();
    this.#said.clear();
    feed.openThread(root).catch((problem) => toast(tProblem(problem), "bad"));
    if (matchMedia("(pointer: fine)").matches) document.getElementById("thread-composer")?.focus();
  }

  leave() {
    this.chat.feed?.closeThread();
    part(this, "composer").thread = null;
  }

  #scrolled() {
    const log = part(this, "log");
    this.#anchor.scrolled(log);
    const said = this.#thread?.said;
    if (!said || said.isLoading || said.complete || !isNearTop(log)) return;
    said.older().then(() => this.#plan(), (/** @type {any} */ problem) => toast(tProblem(problem), "bad"));
  }

  /* Rendering */

  #plan() {
    if (this.#isPlanned || this.hidden) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#render();
    });
  }

  #render() {
    const { chat } = this;
    const thread = this.#thread;
    if (this.hidden || !thread || !chat.me || !chat.feed) return;
    const log = part(this, "log");
    const view = { me: chat.me.id, dayOf: dayKey, isThread: true };
    this.#anchor.hold(log, this.#anchor.stuck ? [] : this.#said.tops);
    const about = chat.feed.message(thread.root) ?? thread.about;
    if (about) this.#root.draw(rowsOf(of([entryOf(about)], []), view).filter(({ type }) => type === "message"));
    const pending = chat.feed.timeline.pending.filter((send) => send.thread === thread.root);
    this.#said.draw(rowsOf(of(thread.said.entries, pending), view));
    const { count = 0 } = typeof about?.thread === "object" ? about.thread : {};
    setText(part(this, "count"), count ? tn("thread.replies", count) : t("thread.none"));
    const top = this.#anchor.settle(log, (key) => this.#said.element(key)?.offsetTop ?? null);
    if (top !== null) log.scrollTop = top;
    if (isAtEnd(log) && document.visibilityState === "visible") chat.readThread().catch(() => {});
  }
}

/** What rows are made of. @param {any[]} entries @param {any[]} pending @returns {any} */
function of(entries, pending) {
  return { entries, pending };
}

/** @param {any} message */
function entryOf(message) {
  // Below its own message nobody needs to be told how many answers there are.
  const { thread, ...rest } = message;
  return { type: "message", seq: message.seq, at: message.at, message: rest };
}

customElements.define("thread-panel", ThreadPanel);
