import { LiveElement, part, setText, stamp } from "/js/dom.js";

const SHOWN_MS = 6000;

/** Short news at the edge of the screen, from anywhere: `document.dispatchEvent` of a `toast`. */
class ToastStack extends LiveElement {
  connectedCallback() {
    this.setAttribute("role", "status");
    this.on(document, "toast", ({ detail }) => this.#show(detail));
  }

  /** @param {{text: string, tone?: "good" | "bad"}} toast */
  #show({ text, tone = "good" }) {
    const copy = stamp("toast");
    const toast = /** @type {HTMLElement} */ (copy.firstElementChild);
    toast.dataset.tone = tone;
    setText(part(toast, "text"), text);
    part(toast, "close").addEventListener("click", () => toast.remove());
    this.append(toast);
    // Over a modal dialog only what is in the top layer can be seen.
    if (typeof this.showPopover === "function") {
      this.popover = "manual";
      this.hidePopover();
      this.showPopover();
    }
    setTimeout(() => toast.remove(), SHOWN_MS);
  }
}

/** @param {string} text @param {"good" | "bad"} [tone] */
export function toast(text, tone) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, tone } }));
}

customElements.define("toast-stack", ToastStack);
