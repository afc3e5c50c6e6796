import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { bytes, t, tProblem } from "/js/i18n.js";

/** Files that wait for the message that brings them. */
class UploadTray extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);

  /* Lifecycle */

  connectedCallback() {
    this.on(this.chat.uploads, "change", () => this.#render());
    this.on(this.chat, "selected", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    this.on(this, "click", ({ target }) => this.#pressed(target));
    this.#render();
  }

  /* Actions */

  /** @param {HTMLElement} target */
  #pressed(target) {
    const key = Number(/** @type {HTMLElement | null} */ (target.closest("[data-key]"))?.dataset.key);
    const button = target.closest("button");
    if (!button || !this.chat.current) return;
    if (button.dataset.part === "again") this.chat.uploads.again((upload) => upload.key === key);
    else this.chat.uploads.drop(this.chat.current, key);
  }

  /* Rendering */

  #render() {
    const uploads = this.chat.uploads.of(this.chat.current);
    this.hidden = uploads.length === 0;
    this.replaceChildren(...uploads.map((upload) => chip(upload)));
  }
}

/** @param {import("/js/models/uploads.js").Upload} upload */
function chip({ key, name, size, state, problem }) {
  const element = /** @type {HTMLElement} */ (stamp("upload-chip").firstElementChild);
  Object.assign(element.dataset, { key: String(key), state });
  setText(part(element, "name"), name);
  const told = { sending: () => t("file.sending"), ready: () => bytes(size), failed: () => tProblem(problem) };
  setText(part(element, "state"), told[state]());
  part(element, "again").hidden = state !== "failed" || !problem?.temporary;
  return element;
}

customElements.define("upload-tray", UploadTray);
