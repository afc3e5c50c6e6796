import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { recentEmoji } from "/js/elements/emoji-picker.js";

const QUICK = 3;
const BY_TOUCH = matchMedia("(hover: none)");

/** What one can do with the message that one points at, touches, or has the focus in. One for each list of rows. */
class MessageActions extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  isThread = false;
  /** @type {HTMLElement} */ #list = /** @type {any} */ (null);
  /** @type {HTMLElement | null} */ #row = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("message-actions"));
    this.setAttribute("aria-live", "off");
    this.setAttribute("role", "toolbar");
    this.hidden = true;
  }

  // It goes from row to row: its listeners stay.
  disconnectedCallback() {}

  /** Follows what one does in a list. @param {HTMLElement} list */
  follow(list) {
    this.#list = list;
    list.addEventListener("pointerover", (event) => !BY_TOUCH.matches && this.#at(event.target));
    list.addEventListener("pointerleave", () => !BY_TOUCH.matches && !this.#isHeld && this.#leave());
    list.addEventListener("focusin", ({ target }) => /** @type {Element} */ (target).matches(":focus-visible") && this.#at(target));
    list.addEventListener("click", (event) => this.#touched(event));
    list.addEventListener("contextmenu", (event) => this.#held(event));
    // The box around it takes the keys before a message has the focus.
    const box = /** @type {HTMLElement} */ (list.closest("[tabindex]") ?? list);
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  /* Actions */

  /** @param {EventTarget | null} target */
  #at(target) {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target)?.closest?.("message-row"));
    if (!row || (row === this.#row && !this.hidden)) return;
    if (this.#isHeld && !row.contains(document.activeElement)) return;
    this.#row = row;
    this.#render();
  }

  /** Whether somebody is in it with the keyboard; a press leaves the focus in it, too. */
  get #isHeld() {
    return this.querySelector(":focus-visible") !== null;
  }

  #leave() {
    this.#row = null;
    this.hidden = true;
  }

  /** On a touch screen a tap beside links and buttons brings it, and another one takes it away. @param {MouseEvent} event */
  #touched(event) {
    const target = /** @type {Element} */ (event.target);
    // What was asked for is there by then.
    if (BY_TOUCH.matches && this.contains(target)) setTimeout(() => this.#leave());
    if (!BY_TOUCH.matches || target.closest("a, button, input, .spoiler")) return;
    const row = target.closest("message-row");
    if (!row || (row === this.#row && !this.hidden)) return this.#leave();
    this.#at(row);
    this.hidden = false;
  }

  /** A long press is a menu; with a mouse the browser's own stays. @param {MouseEvent} event */
  #held(event) {
    if (!BY_TOUCH.matches) return;
    const row = /** @type {Element} */ (event.target).closest("message-row:not(.is-folded)");
    if (!row) return;
    event.preventDefault();
    this.#at(row);
    part(this, "more").click();
  }

  /** Arrows go from message to message, Enter opens what can be done. @param {KeyboardEvent} event */
  #key(event) {
    const { key, target } = event;
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("message-row")]);
    const at = rows.indexOf(/** @type {any} */ (target));
    if (at < 0 && target !== this.#list.closest("[tabindex]")) return;
    const fold = /** @type {HTMLElement | null} */ (rows[at]?.matches(".is-folded") ? rows[at].querySelector('[data-action="unfold"]') : null);
    if (key === "Enter" && at >= 0) (fold ?? part(this, "more")).click();
    else if (key === "ArrowUp") (rows[at < 0 ? rows.length - 1 : at - 1] ?? rows[0])?.focus();
    else if (key === "ArrowDown" && at >= 0) (rows[at + 1] ?? rows[at]).focus();
    else return;
    event.preventDefault();
  }

  /* Rendering */

  #render() {
    const row = /** @type {HTMLElement} */ (this.#row);
    const message = this.chat.feed?.message(row.dataset.id ?? "");
    if (!message || message.deleted || this.chat.folds.hides(message)) return void (this.hidden = true);
    (row.querySelector(".line") ?? row).append(this);
    this.hidden = false;
    this.ariaLabel = t("act.title");
    const mayReact = this.chat.feed?.may("react") ?? false;
    const quick = recentEmoji.list.slice(0, QUICK).map((emoji) => quickOne(emoji));
    part(this, "quick").replaceChildren(...(mayReact ? quick : []));
    part(this, "pick-emoji").hidden = !mayReact;
    part(this, "reply").hidden = !this.chat.feed?.may("send");
    part(this, "to-thread").hidden = this.isThread || typeof message.thread === "string" || !this.chat.feed?.may("send");
    for (const name of ["pick-emoji", "reply", "to-thread", "more"]) {
      const button = part(this, name);
      button.ariaLabel = button.title = t(`act.${button.dataset.action}`);
    }
  }
}

/** @param {string} emoji */
function quickOne(emoji) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "icon-button small", ariaLabel: t("act.react", { emoji }) });
  Object.assign(button.dataset, { action: "react", emoji });
  setText(button, emoji);
  return button;
}

customElements.define("message-actions", MessageActions);
