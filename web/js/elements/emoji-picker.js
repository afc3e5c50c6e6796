import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { EMOJI, findEmoji, RecentEmoji } from "/js/models/emoji.js";
import { placeNear } from "/js/elements/pop-menu.js";

export const recentEmoji = new RecentEmoji(localStorage);

/** Emoji by kind and by word, the latest ones first. There is one of them. */
class EmojiPicker extends LiveElement {
  /** @type {((emoji: string) => void) | null} */ #picked = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("emoji-picker"));
    this.popover = "auto";
    this.setAttribute("role", "dialog");
    this.on(part(this, "query"), "input", () => this.#render());
    this.on(part(this, "query"), "keydown", (event) => this.#enter(event));
    this.on(part(this, "all"), "keydown", (event) => this.#key(event));
    this.on(part(this, "all"), "click", ({ target }) => target.dataset.emoji && this.#pick(target.dataset.emoji));
  }

  /* Actions */

  /** @param {Element} anchor @param {(emoji: string) => void} picked */
  show(anchor, picked) {
    this.#picked = picked;
    this.ariaLabel = t("emoji.title");
    part(this, "query").value = "";
    this.#render();
    const box = anchor.getBoundingClientRect();
    this.showPopover();
    placeNear(this, box);
    if (matchMedia("(pointer: fine)").matches) part(this, "query").focus();
  }

  /** @param {string} emoji */
  #pick(emoji) {
    recentEmoji.use(emoji);
    this.hidePopover();
    this.#picked?.(emoji);
  }

  /** @param {KeyboardEvent} event */
  #enter(event) {
    const first = /** @type {HTMLElement | null} */ (part(this, "all").querySelector("button"));
    if (event.key === "ArrowDown") first?.focus();
    if (event.key === "Enter" && !event.isComposing && first?.dataset.emoji) this.#pick(first.dataset.emoji);
    if (["ArrowDown", "Enter"].includes(event.key)) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = Math.max(1, Math.floor(part(this, "all").clientWidth / 38));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = /** @type {HTMLElement[]} */ ([...part(this, "all").querySelectorAll("button")]);
    const at = buttons.indexOf(/** @type {any} */ (document.activeElement)) + step;
    (buttons[at] ?? part(this, "query")).focus();
  }

  /* Rendering */

  #render() {
    const query = part(this, "query").value.trim();
    const groups = query ? [["", findEmoji(query)]] : [["recent", recentEmoji.list], ...Object.entries(EMOJI)];
    const parts = groups.flatMap(([name, list]) => (list.length ? [title(String(name)), grid(/** @type {any[]} */ (list))] : []));
    part(this, "all").replaceChildren(...parts);
    part(this, "none").hidden = parts.length > 0;
  }
}

/** @param {string} name */
function title(name) {
  const heading = document.createElement("h3");
  setText(heading, name ? t(`emoji.${name}`) : "");
  return heading;
}

/** @param {(string | [string, string])[]} list */
function grid(list) {
  const place = document.createElement("div");
  place.className = "grid";
  for (const entry of list) {
    const [emoji, words = ""] = typeof entry === "string" ? [entry] : entry;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: emoji, title: words.split(" ")[0] });
    button.dataset.emoji = emoji;
    place.append(button);
  }
  return place;
}

/** @param {Element} anchor @param {(emoji: string) => void} picked */
export function pickEmoji(anchor, picked) {
  /** @type {any} */ (document.querySelector("emoji-picker")).show(anchor, picked);
}

customElements.define("emoji-picker", EmojiPicker);
