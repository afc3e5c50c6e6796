import { LiveElement, part, setText, stamp } from "/js/dom.js";

const GAP = 6;

/**
 * A menu beside what was pressed; on a phone a sheet from below. There is one of them.
 *
 * @typedef {{text: string, icon?: string, tone?: "bad", isOn?: boolean, run: () => void} | "line"} MenuItem
 */
class PopMenu extends LiveElement {
  /** @type {HTMLElement | null} */ #opener = null;

  connectedCallback() {
    this.setAttribute("role", "menu");
    this.popover = "auto";
    this.on(this, "keydown", (event) => this.#key(event));
    this.on(this, "toggle", ({ newState }) => newState === "closed" && this.#closed());
  }

  /** @param {HTMLElement} anchor @param {MenuItem[]} items */
  show(anchor, items) {
    this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.replaceChildren(...items.map((item) => this.#item(item)));
    // What is pressed may lie in something that goes away for this.
    const box = anchor.getBoundingClientRect();
    this.showPopover();
    placeNear(this, box);
    /** @type {HTMLElement | null} */ (this.querySelector("[role^=menuitem]"))?.focus();
  }

  #closed() {
    if (this.contains(document.activeElement) || document.activeElement === document.body) this.#opener?.focus?.();
  }

  /** @param {MenuItem} item */
  #item(item) {
    if (item === "line") return document.createElement("hr");
    const button = /** @type {HTMLButtonElement} */ (stamp("menu-item").firstElementChild);
    setText(part(button, "text"), item.text);
    part(button, "icon").toggleAttribute("hidden", !item.icon);
    part(button, "glyph").setAttribute("href", `#icon-${item.icon}`);
    button.classList.toggle("is-bad", item.tone === "bad");
    if (item.isOn !== undefined) {
      button.setAttribute("role", "menuitemradio");
      button.ariaChecked = String(item.isOn);
    }
    button.addEventListener("click", () => {
      this.hidePopover();
      item.run();
    });
    return button;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Tab") this.hidePopover();
    const buttons = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role^=menuitem]")]);
    const at = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowDown: (at + 1) % buttons.length, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons.at(to)?.focus();
  }
}

/**
 * Puts something in the top layer beside a box, within the window. Style sheets put it
 * elsewhere on a phone.
 * @param {HTMLElement} element
 * @param {DOMRect} box of what it belongs to
 */
export function placeNear(element, box) {
  const { offsetWidth: width, offsetHeight: height } = element;
  const isBelow = box.bottom + GAP + height <= innerHeight || box.top < height + GAP;
  const top = isBelow ? Math.min(box.bottom + GAP, innerHeight - height - GAP) : box.top - GAP - height;
  // It grows towards the middle of the window.
  const side = box.left + box.right < innerWidth ? box.left : box.right - width;
  const left = Math.min(Math.max(GAP, side), innerWidth - width - GAP);
  element.style.setProperty("--top", `${Math.max(GAP, top)}px`);
  element.style.setProperty("--left", `${Math.max(GAP, left)}px`);
}

/** @param {HTMLElement} anchor @param {(MenuItem | null | false)[]} items */
export function openMenu(anchor, items) {
  /** @type {any} */ (document.querySelector("pop-menu")).show(anchor, tidy(items));
}

/** Without what is not there, and no line at an end or beside another. @param {(MenuItem | null | false)[]} items */
function tidy(items) {
  const there = /** @type {MenuItem[]} */ (items.filter(Boolean));
  return there.filter((item, at) => item !== "line" || (at > 0 && at < there.length - 1 && there[at - 1] !== "line"));
}

customElements.define("pop-menu", PopMenu);
