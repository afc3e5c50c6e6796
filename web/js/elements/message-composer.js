import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, t } from "/js/i18n.js";
import { TEXT_LIMIT, textLength } from "/js/protocol.js";

const COUNT_FROM = TEXT_LIMIT - 300;
/** What `keyCode` says while an input method has the key, in browsers that end composing too early. */
const IME_KEY = 229;

/** Where one writes. Enter sends, except while Hangul is being composed. */
class MessageComposer extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {Map<string, string>} what was begun in each room */ #drafts = new Map();
  /** @type {string | null} */ #room = null;
  #isComposing = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("message-composer");
    part(copy, "tray").chat = this.chat;
    this.append(copy);
    const text = this.#text;
    this.on(this.chat, "selected", () => this.#turn());
    this.on(this.chat, "rooms", () => this.#label());
    this.on(document, "localechange", () => this.#render());
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#send()));
    this.on(text, "compositionstart", () => (this.#isComposing = true));
    this.on(text, "compositionend", () => (this.#isComposing = false));
    this.on(text, "keydown", (event) => this.#key(event));
    this.on(text, "input", () => this.#changed());
    this.on(this.chat.uploads, "change", () => this.#render());
    this.on(part(this, "attach"), "click", () => part(this, "files").click());
    this.on(part(this, "files"), "change", ({ target }) => this.#attach([...target.files], target));
    this.on(text, "paste", (event) => this.#attach([...event.clipboardData.files], null, event));
    this.on(this, "dragover", (event) => event.preventDefault());
    this.on(this, "drop", (event) => this.#attach([...event.dataTransfer.files], null, event));
    // A press must not take the focus out of the text, or a phone would fold its keyboard.
    this.on(part(this, "send"), "pointerdown", (event) => event.preventDefault());
    this.#turn();
  }

  /** @returns {HTMLTextAreaElement} */
  get #text() {
    return part(this, "text");
  }

  /* Actions */

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey) return;
    if (event.isComposing || this.#isComposing || event.keyCode === IME_KEY) return;
    event.preventDefault();
    this.#send();
  }

  #changed() {
    if (this.#room) this.#drafts.set(this.#room, this.#text.value);
    if (this.#text.value.trim()) this.chat.typed();
    this.#render();
  }

  /** @param {File[]} files @param {HTMLInputElement | null} input @param {Event} [event] */
  #attach(files, input, event) {
    if (!this.#room || files.length === 0) return;
    event?.preventDefault();
    this.chat.uploads.add(this.#room, files);
    if (input) input.value = "";
    this.#text.focus();
  }

  /** Whether there is something to send, and nothing to wait for. @param {string} text */
  #maySend(text) {
    const { uploads } = this.chat;
    const isWaiting = uploads.of(this.#room).length > 0 && !uploads.areReady(this.#room);
    return !isWaiting && (text !== "" || uploads.areReady(this.#room)) && textLength(text) <= TEXT_LIMIT;
  }

  #send() {
    const text = this.#text.value.trim();
    if (this.#isComposing || !this.#maySend(text)) return;
    this.#text.value = "";
    if (this.#room) this.#drafts.delete(this.#room);
    this.chat.send(text);
    this.#render();
    this.#text.focus();
  }

  /** Another room is selected: its own draft comes back. */
  #turn() {
    const { current } = this.chat;
    if (current !== this.#room) {
      this.#room = current;
      this.#isComposing = false;
      this.#text.value = (current && this.#drafts.get(current)) ?? "";
    }
    this.#render();
  }

  /* Rendering */

  #render() {
    const length = textLength(this.#text.value.trim());
    const over = length - TEXT_LIMIT;
    const count = over > 0 ? t("composer.over", { count: number(over) }) : t("composer.left", { count: number(-over) });
    setText(part(this, "count"), length > COUNT_FROM ? count : "");
    part(this, "count").classList.toggle("wrong", over > 0);
    part(this, "send").disabled = !this.#maySend(this.#text.value.trim());
    this.#label();
    this.#grow();
  }

  #label() {
    const room = this.chat.room?.name ?? "";
    this.#text.placeholder = t("composer.placeholder", { room });
    this.#text.ariaLabel = t("composer.label", { room });
  }

  /** As high as its text; style sheets limit it. */
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.blockSize = "auto";
    this.#text.style.blockSize = `${this.#text.scrollHeight}px`;
  }
}

customElements.define("message-composer", MessageComposer);
