import { LiveElement, stamp } from "/js/dom.js";
import { currentLocale, setLocale } from "/js/i18n.js";

/** Korean or English, as two buttons. */
class LanguageSwitch extends LiveElement {
  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("language-switch"));
    this.on(this, "click", ({ target }) => target.dataset.locale && setLocale(target.dataset.locale));
    this.on(document, "localechange", () => this.#render());
    this.#render();
  }

  #render() {
    for (const button of this.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.locale === currentLocale()));
    }
  }
}

customElements.define("language-switch", LanguageSwitch);
