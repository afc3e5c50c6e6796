import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";

const BESIDE = matchMedia("(width >= 70rem)");
const KEY = "moim.members";
const PANELS = ["members", "thread", "threads", "pins", "search", "inbox"];

/** What stands beside the conversation: one thing at a time, as a column on a desktop and a drawer elsewhere. */
class SidePanel extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** What is shown. @type {string | null} */ #name = null;
  /** What one comes back to. @type {string | null} */ #before = null;
  /** @type {HTMLElement | null} */ #opener = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("side-panel");
    for (const name of PANELS) Object.assign(part(copy, name), { chat: this.chat, api: this.api });
    this.append(copy);
    this.on(document, "open-panel", ({ detail }) => this.open(detail));
    this.on(document, "localechange", () => this.#label());
    this.on(this.chat, "selected", () => this.#turned());
    this.on(BESIDE, "change", () => this.#place());
    for (const name of ["close", "scrim"]) this.on(part(this, name), "click", () => this.close());
    this.on(document, "keydown", (event) => this.#key(event));
    this.#place();
  }

  /** A drawer lies over the rest and takes the focus. */
  get #isDrawer() {
    return !BESIDE.matches;
  }

  /* Actions */

  /** @param {{name: string, [more: string]: any}} wish */
  open(wish) {
    if (wish.name !== this.#name && this.#name === "members") this.#before = "members";
    if (!this.#name) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.#show(wish.name);
    part(this, wish.name).show?.(wish);
    this.#label();
    if (this.#isDrawer && !this.contains(document.activeElement)) part(this, "close").focus();
  }

  /** @param {string} name */
  toggle(name) {
    if (this.#name === name) this.close();
    else this.open({ name });
    if (name === "members" && BESIDE.matches) localStorage.setItem(KEY, this.#name === "members" ? "open" : "closed");
  }

  close() {
    const wasInside = this.contains(document.activeElement);
    const next = this.#isDrawer || this.#name === "members" ? null : this.#before;
    if (this.#name === "members" && BESIDE.matches) localStorage.setItem(KEY, "closed");
    this.#before = null;
    this.#show(next);
    if (wasInside) (this.#opener?.isConnected ? this.#opener : document.getElementById("composer"))?.focus();
  }

  /** What belongs to one room goes with it. */
  #turned() {
    if (this.#name && !["members", "inbox", "search"].includes(this.#name)) this.close();
    else if (this.#isDrawer && this.#name === "members") this.#show(null);
  }

  /** @param {KeyboardEvent} event */
  #key({ key, target, isComposing }) {
    const isElsewhere = /** @type {Element} */ (target).closest?.("dialog, [popover]");
    if (key !== "Escape" || isComposing || !this.#name || isElsewhere || document.querySelector(":popover-open:not(toast-stack)")) return;
    if (this.#isDrawer || (this.#name !== "members" && this.contains(/** @type {Node} */ (target)))) this.close();
  }

  /** Beside the conversation the members come back as they were left; as a drawer it begins closed. */
  #place() {
    this.#before = null;
    this.#show(BESIDE.matches && localStorage.getItem(KEY) !== "closed" ? "members" : null);
  }

  /* Rendering */

  /** @param {string | null} name */
  #show(name) {
    const was = this.#name;
    this.#name = name;
    this.hidden = name === null;
    this.dataset.shows = name ?? "";
    for (const panel of PANELS) part(this, panel).hidden = panel !== name;
    if (was && was !== name) part(this, was).leave?.();
    if (name === "members") part(this, "members").show();
    const isOver = name !== null && this.#isDrawer;
    for (const side of document.querySelectorAll("room-list, .stage")) side.toggleAttribute("inert", isOver);
    document.querySelector(".members-button")?.setAttribute("aria-expanded", String(name === "members"));
    this.#label();
  }

  #label() {
    if (this.#name) setText(part(this, "title"), part(this, this.#name).heading ?? t(`panel.${this.#name}`));
  }
}

customElements.define("side-panel", SidePanel);
