import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { has, t } from "/js/i18n.js";

/** How the live line stands, with a countdown and a way to hurry. */
class StatusPill extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ #timer;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("status-pill"));
    this.on(this.chat, "status", () => this.#render());
    this.on(window, "online offline", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    this.on(part(this, "now"), "click", () => this.#now());
    this.#render();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    super.disconnectedCallback();
  }

  /* Actions */

  #now() {
    if (this.chat.status === "stopped") this.chat.start();
    else this.chat.socket.hurry();
  }

  /* Rendering */

  #render() {
    clearTimeout(this.#timer);
    const { status, socket } = this.chat;
    const isOffline = status !== "online" && !navigator.onLine;
    this.dataset.status = isOffline ? "offline" : status;
    setText(part(this, "text"), this.#text(isOffline));
    part(this, "now").hidden = !["waiting", "stopped"].includes(status) || this.#secondsLeft() < 2;
    if (status === "stopped" && socket.ended) part(this, "now").hidden = false;
    if (status === "waiting") this.#timer = setTimeout(() => this.#render(), 500);
  }

  /** @param {boolean} isOffline */
  #text(isOffline) {
    const { status, socket } = this.chat;
    if (isOffline) return t("status.offline");
    if (status === "stopped" && socket.ended) {
      return t(has(`ended.${socket.ended}`) ? `ended.${socket.ended}` : "ended.other");
    }
    // A wait too short to read is shown as the try that follows it.
    if (status === "waiting" && this.#secondsLeft() < 2) return t("status.connecting");
    return t(`status.${status}`, { seconds: this.#secondsLeft() });
  }

  #secondsLeft() {
    return Math.max(0, Math.ceil((this.chat.socket.retryAt - Date.now()) / 1000));
  }
}

customElements.define("status-pill", StatusPill);
