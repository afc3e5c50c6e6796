import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { fieldOf } from "/js/elements/ask-dialog.js";
import { changedOf, clubFields, saidOf } from "/js/elements/assistant-fields.js";
import { lackText, usedText } from "/js/elements/assistant-use.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { toast } from "/js/elements/toast-stack.js";

/** What a club says of the assistant, and what it used today: for its managers. */
class ClubAssistant extends LiveElement {
  /** @type {any} */ api;
  #club = "";
  /** @type {any} */ #said = null;
  /** @type {string[]} */ #models = [];

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("club-assistant"));
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#save()));
  }

  get #at() {
    return `/clubs/${encodeURIComponent(this.#club)}/ai`;
  }

  /* Actions */

  /** @param {string} club */
  async show(club) {
    this.#club = club;
    this.#said = null;
    this.#render();
    await this.#try(async () => {
      const [said, about, used] = await Promise.all([this.api.get(this.#at), this.api.get("/ai"), this.api.get(`${this.#at}/usage`)]);
      if (club !== this.#club) return;
      this.#said = saidOf(said);
      this.#models = about.models;
      setText(part(this, "note"), lackText(about) || t("assist.club"));
      setText(part(this, "used"), usedText(used));
      this.#render();
    });
  }

  async #save() {
    const { elements } = part(this, "form");
    part(this, "save").disabled = true;
    await this.#try(async () => {
      this.#said = saidOf(await this.api.send("PATCH", this.#at, changedOf(elements, this.#said)));
      toast(t("saved"));
    });
    part(this, "save").disabled = false;
  }

  /** @param {() => Promise<void>} work */
  async #try(work) {
    try {
      sayProblem(this, null);
      await work();
    } catch (problem) {
      sayProblem(this, problem);
    }
  }

  /* Rendering */

  #render() {
    const isHere = this.#said !== null;
    for (const name of ["save", "spent"]) part(this, name).hidden = !isHere;
    part(this, "note").hidden = !isHere;
    part(this, "fields").replaceChildren(...(isHere ? clubFields(this.#said, this.#models) : []).map(fieldOf));
  }
}

customElements.define("club-assistant", ClubAssistant);
