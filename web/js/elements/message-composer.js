import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, soon, t } from "/js/i18n.js";
import { TEXT_LIMIT, textLength } from "/js/protocol.js";
import { Drafts } from "/js/models/drafts.js";
import { keepsPlace } from "/js/models/uploads.js";
import { confirm } from "/js/elements/ask-dialog.js";
import { unblock } from "/js/elements/blocking.js";
import { pickEmoji } from "/js/elements/emoji-picker.js";
import { roomName } from "/js/elements/room-name.js";
import { tried } from "/js/elements/telling.js";

const COUNT_FROM = TEXT_LIMIT - 300;
/** What `keyCode` says while an input method has the key, in browsers that end composing too early. */
const IME_KEY = 229;
/** Timers wait no longer than that. */
const LONGEST_MS = 86_400_000;
/** What a suggestion may be told. */
const MOST_HINT = 200;

/** Where one writes, answers and corrects. Enter sends, except while Hangul is being composed. */
class MessageComposer extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** The thread that it writes into. @type {string | null} */ thread = null;
  /** @type {string | null} */ #place = null;
  /** What is answered or corrected. @type {{mode: "reply" | "edit", message: any} | null} */ #about = null;
  #isComposing = false;
  /** @type {any} */ #muteTimer;
  /** What is here goes out as soon as its files are there. */
  #isDue = false;
  /** One has unblocked somebody here: when one may write again, one is to be where one writes. */
  #isBack = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("message-composer");
    if (this.isInThread) forThread(copy);
    else part(copy, "tray").chat = this.chat;
    this.append(copy);
    const text = this.#text;
    Object.assign(part(this, "mentions"), { chat: this.chat, api: this.api });
    part(this, "mentions").follow(text);
    this.on(this.chat, "selected", () => this.turn());
    this.on(this.chat, "rooms detail people", () => this.#label());
    this.on(this.chat, "timeline", () => this.#renderAbout());
    this.on(this.chat.blocks, "change", () => this.#label());
    this.on(part(this, "unblock"), "click", () => this.#unblock());
    this.on(document, "localechange", () => this.#render());
    this.on(document, "compose", ({ detail }) => this.#compose(detail));
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#send()));
    this.on(part(this, "about-close"), "click", () => this.#release());
    this.on(part(this, "draft"), "click", () => this.#draft());
    this.on(part(this, "emoji"), "click", () => pickEmoji(part(this, "emoji"), (emoji) => this.#insert(emoji)));
    this.on(text, "compositionstart", () => (this.#isComposing = true));
    this.on(text, "compositionend", () => (this.#isComposing = false));
    this.on(text, "keydown", (event) => this.#key(event));
    this.on(text, "input", () => this.#changed());
    if (!this.isInThread) this.#listenForFiles();
    // A press must not take the focus out of the text, or a phone would fold its keyboard.
    this.on(part(this, "send"), "pointerdown", (event) => event.preventDefault());
    this.turn();
  }

  #listenForFiles() {
    this.on(this.chat.uploads, "change", () => this.#uploaded());
    this.on(part(this, "attach"), "click", () => part(this, "files").click());
    this.on(part(this, "files"), "change", ({ target }) => this.#attach([...target.files], target));
    this.on(this.#text, "paste", (event) => this.#attach([...event.clipboardData.files], null, event));
    this.on(document, "dragover drop", (event) => this.#dropped(event));
  }

  /** @returns {HTMLTextAreaElement} */
  get #text() {
    return part(this, "text");
  }

  get isInThread() {
    return this.hasAttribute("in-thread");
  }

  /** What was begun in each place. */
  get #drafts() {
    return new Drafts(sessionStorage, this.chat.me?.id ?? "");
  }

  /* Actions */

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || this.#isComposing || event.keyCode === IME_KEY) return;
    if (part(this, "mentions").takes(event)) return;
    if (event.key === "Escape" && this.#about) {
      event.stopPropagation();
      return this.#release();
    }
    if (event.key === "ArrowUp" && !this.#text.value && !event.altKey) return this.#correctLast(event);
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.#send();
  }

  #changed() {
    if (this.#place && !this.#isEditing) this.#drafts.keep(this.#place, this.#text.value);
    if (this.#text.value.trim() && !this.#isEditing) this.chat.typed();
    this.#render();
  }

  /** Where files go: not into threads. */
  get #room() {
    return this.isInThread ? null : this.chat.current;
  }

  /** @param {File[]} files @param {HTMLInputElement | null} input @param {Event} [event] */
  async #attach(files, input, event) {
    const room = this.#room;
    if (!room || files.length === 0) return;
    event?.preventDefault();
    const telling = files.filter(keepsPlace);
    this.chat.uploads.add(
      room,
      files.filter((file) => !telling.includes(file)),
    );
    if (input) input.value = "";
    // Nothing of these leaves before the sender knows.
    const names = telling.map(({ name }) => name).join(", ");
    if (telling.length > 0) await confirm("file.tells", { names }, async () => this.chat.uploads.add(room, telling));
    this.#text.focus();
  }

  /**
   * Files may be let go wherever the conversation is. Nowhere else either does the browser leave the page
   * for one that missed it. @param {DragEvent} event
   */
  #dropped(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const { target } = /** @type {any} */ (event);
    const isTaken = !part(this, "attach").hidden && !target.closest?.("dialog, thread-panel, room-list") && this.#room;
    if (event.type === "dragover") event.dataTransfer.dropEffect = isTaken ? "copy" : "none";
    else if (isTaken) this.#attach([...event.dataTransfer.files], null);
  }

  /** Whether there is something to send, now or when its files are there. @param {string} text */
  #maySend(text) {
    const uploads = this.#isEditing ? [] : this.chat.uploads.of(this.#room);
    const isBroken = uploads.some(({ state }) => state === "failed");
    return !isBroken && (text !== "" || uploads.length > 0) && textLength(text) <= TEXT_LIMIT;
  }

  /** Whether files are still on their way, for which a message waits. */
  get #isUploading() {
    return !this.#isEditing && this.chat.uploads.of(this.#room).some(({ state }) => state === "sending");
  }

  #uploaded() {
    const isOver = !this.#isUploading;
    if (this.#isDue && isOver) this.#send();
    if (isOver) this.#isDue = false;
    this.#render();
  }

  get #isEditing() {
    return this.#about?.mode === "edit";
  }

  async #send() {
    const text = this.#text.value.trim();
    if (this.#isComposing || !this.#maySend(text)) return;
    if (this.#isEditing) return this.#correct(text);
    this.#isDue = this.#isUploading;
    if (this.#isDue) return this.#render();
    this.#text.value = "";
    if (this.#place) this.#drafts.keep(this.#place, "");
    this.chat.send(text, { reply_to: this.#about?.message.id ?? null, thread: this.thread });
    this.#about = null;
    this.#render();
    this.#text.focus();
  }

  /** @param {string} text */
  async #correct(text) {
    const { message } = /** @type {any} */ (this.#about);
    if (text !== message.text && !(await tried(this.chat.acts.edit(this.chat.current ?? "", message.id, text)))) return;
    this.#release();
  }

  /** Somebody wants to answer or to correct a message. @param {{mode: "reply" | "edit", message: any, thread: string | null, text?: string}} wish */
  #compose({ mode, message, thread, text }) {
    if ((thread !== null) !== this.isInThread) return;
    if (this.#isEditing) this.#release();
    this.#about = message ? { mode, message } : null;
    if (mode === "edit") this.#text.value = message.text;
    if (text !== undefined) this.#text.value = text;
    this.#changed();
    this.#text.focus();
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length);
  }

  /** Back to plain writing. */
  #release() {
    const wasEditing = this.#isEditing;
    this.#about = null;
    if (wasEditing) this.#text.value = this.#place ? this.#drafts.of(this.#place) : "";
    this.#render();
    this.#text.focus();
  }

  /** The arrow upwards in an empty box corrects what one said last. @param {KeyboardEvent} event */
  #correctLast(event) {
    const { feed, me } = this.chat;
    const passage = this.isInThread ? feed?.thread?.said : feed?.timeline;
    const isOwn = (/** @type {any} */ { message }) =>
      message?.by === me?.id && !message.deleted && !message.ai && (this.isInThread || typeof message.thread !== "string");
    const last = /** @type {any} */ ([...(passage?.entries ?? [])].reverse().find(isOwn));
    if (!last || feed?.timeline.pending.length) return;
    event.preventDefault();
    this.#compose({ mode: "edit", message: last.message, thread: this.thread });
  }

  /** The assistant suggests what to write; what is there already is the hint. */
  async #draft() {
    const button = part(this, "draft");
    const place = this.#place;
    const hint = this.#text.value.trim().slice(0, MOST_HINT);
    button.disabled = true;
    this.classList.add("is-drafting");
    await tried(
      this.api.send("POST", `/rooms/${encodeURIComponent(this.chat.current ?? "")}/ai/draft`, hint ? { hint } : {}).then((/** @type {any} */ draft) => {
        if (place !== this.#place) return;
        this.#text.value = draft.text;
        this.#text.focus();
        this.#changed();
      }),
    );
    this.classList.remove("is-drafting");
    button.disabled = false;
  }

  /** Nobody need look for where one writes then; where the other one has blocked as well, they are told that. */
  async #unblock() {
    const { room, feed } = this.chat;
    if (!(await unblock(this.chat, room?.peer ?? "")) || room !== this.chat.room) return;
    this.#isBack = true;
    part(this, "apart").focus();
    await feed?.info.load().catch(() => {});
    this.#label();
  }

  /** @param {string} what at the caret */
  #insert(what) {
    const { selectionStart, selectionEnd } = this.#text;
    this.#text.setRangeText(what, selectionStart, selectionEnd, "end");
    this.#text.focus();
    this.#changed();
  }

  /** Another place is selected: its own draft comes back. */
  turn() {
    const place = this.isInThread ? this.thread : this.chat.current;
    if (place !== this.#place) {
      this.#place = place;
      this.#about = null;
      this.#isComposing = false;
      this.#isDue = false;
      this.#isBack = false;
      this.#text.value = place ? this.#drafts.of(place) : "";
    }
    this.#render();
  }

  /* Rendering */

  #render() {
    const length = textLength(this.#text.value.trim());
    const over = length - TEXT_LIMIT;
    const count = over > 0 ? t("composer.over", { count: number(over) }) : t("composer.left", { count: number(-over) });
    setText(part(this, "count"), this.#isDue ? t("composer.due") : length > COUNT_FROM ? count : "");
    part(this, "count").classList.toggle("wrong", over > 0);
    part(this, "send").disabled = !this.#maySend(this.#text.value.trim());
    this.#label();
    this.#renderAbout();
    this.#grow();
  }

  /** What is answered or corrected; when it is gone there is nothing to correct. */
  #renderAbout() {
    const now = this.#about ? (this.chat.feed?.message(this.#about.message.id) ?? this.#about.message) : null;
    if (now?.deleted) this.#about = null;
    const about = this.#about;
    part(this, "about").hidden = !about;
    this.classList.toggle("is-editing", this.#isEditing);
    if (!about) return;
    const name = this.chat.people.name(about.message.by) || t("someone");
    setText(part(this, "about-title"), t(`composer.${about.mode}`, { name }));
    setText(part(this, "about-text"), now.text.slice(0, 120));
  }

  #label() {
    const room = roomName(this.chat, this.chat.room);
    const { feed } = this.chat;
    const isClosed = Boolean(feed?.detail) && !feed?.may("send");
    this.#text.disabled = isClosed;
    const mute = feed?.info.mute ?? null;
    this.#renderMute(mute);
    const isApart = Boolean(feed?.detail?.blocked);
    this.#renderApart(isApart, room);
    const slow = feed?.detail?.slow_mode_s ? ` · ${t("composer.slow", { seconds: number(feed.detail.slow_mode_s) })}` : "";
    const key = isApart ? "composer.apart" : mute ? "composer.muted" : isClosed ? "composer.closed" : this.isInThread ? "composer.thread" : "composer.placeholder";
    this.#text.placeholder = t(key, { room }) + (isClosed || feed?.may("configure") ? "" : slow);
    this.#text.ariaLabel = t(this.isInThread ? "composer.thread.label" : "composer.label", { room });
    if (this.#isBack && !isClosed) {
      this.#isBack = false;
      this.#text.focus();
    }
    part(this, "emoji").hidden = isClosed;
    part(this, "send").hidden = isClosed;
    if (!this.isInThread) part(this, "keys").hidden = isClosed;
    if (!this.isInThread) part(this, "attach").hidden = Boolean(feed?.detail) && !feed?.may("attach");
    // Rooms say whether the assistant is there; where they say nothing there is none.
    const { assistant = "off" } = /** @type {any} */ (feed?.detail ?? {});
    part(this, "draft").hidden = isClosed || this.isInThread || assistant === "off" || !this.chat.hasModel;
  }

  /** Until when one may not write, and why; when it is over nobody says so. @param {{until: number, reason: string} | null} mute */
  #renderMute(mute) {
    clearTimeout(this.#muteTimer);
    part(this, "muted").hidden = !mute;
    const told = mute ? [t("composer.muted.until", { until: soon(mute.until) }), mute.reason && t("composer.muted.why", { reason: mute.reason })] : [];
    setText(part(this, "muted"), told.filter(Boolean).join(" "));
    if (mute) this.#muteTimer = setTimeout(() => this.#render(), Math.min(mute.until - Date.now() + 100, LONGEST_MS));
  }

  /** In a private room: that one of the two has blocked the other. @param {boolean} isApart @param {string} name */
  #renderApart(isApart, name) {
    const isMine = isApart && this.chat.blocks.has(this.chat.room?.peer ?? null);
    part(this, "apart").hidden = !isApart;
    setText(part(this, "apart-text"), isApart ? t(isMine ? "block.apart.mine" : "block.apart", { name }) : "");
    part(this, "unblock").hidden = !isMine;
  }

  /** As high as its text; style sheets limit it. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight}px`;
  }
}

/** There are two boxes then: each has its own marks. @param {DocumentFragment} copy */
function forThread(copy) {
  const text = part(copy, "text");
  text.id = "thread-composer";
  text.dataset.testid = "thread-composer";
  part(copy, "send").dataset.testid = "thread-send";
  text.removeAttribute("aria-describedby");
  for (const name of ["keys", "tray", "files", "attach"]) part(copy, name).remove();
}

customElements.define("message-composer", MessageComposer);
