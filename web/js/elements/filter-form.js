import { LiveElement, part, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { entry } from "/js/elements/admin-entries.js";
import { ask } from "/js/elements/ask-dialog.js";
import { toast } from "/js/elements/toast-stack.js";

let forms = 0;

/** Makes rules for texts and tries them: of a club, or of the lobbies. What is wrong with one is said by the dialog it is in. */
class FilterForm extends LiveElement {
  /** @type {import("/js/elements/admin-dialog.js").AdminDialog} */ admin = /** @type {any} */ (null);

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("filter-form");
    // Several dialogs have one.
    forms += 1;
    for (const label of /** @type {NodeListOf<HTMLLabelElement>} */ (copy.querySelectorAll("label"))) {
      const input = /** @type {HTMLElement} */ (copy.getElementById(label.htmlFor));
      label.htmlFor = input.id = `${input.id}-${forms}`;
    }
    this.append(copy);
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#add()));
    this.on(part(this, "try"), "click", () => this.#try());
  }

  get #elements() {
    return part(this, "form").elements;
  }

  async #add() {
    const { admin } = this;
    const { pattern, kind, action } = this.#elements;
    if (!pattern.value.trim()) return pattern.focus();
    await admin.try(async () => {
      await admin.api.send("POST", `${admin.at}/filters`, { pattern: pattern.value.trim(), kind: kind.value, action: action.value });
      pattern.value = "";
      admin.open("filters");
      pattern.focus();
    });
  }

  #try() {
    const { admin } = this;
    return ask({
      title: t("filters.try.title"),
      fields: [{ name: "text", label: t("filters.try.text"), kind: "long", value: this.#elements.pattern.value, most: 4000, isNeeded: true }],
      action: t("filters.try"),
      run: async ({ text }) => {
        const { action, text: left } = await admin.api.send("POST", `${admin.at}/filters/test`, { text });
        toast(action ? t(`filters.would.${action}`, { text: left ?? "" }) : t("filters.would.pass"));
      },
    });
  }
}

/** How a rule stands in the list. @param {import("/js/elements/admin-dialog.js").AdminDialog} admin @param {any} rule */
export function filterEntry(admin, rule) {
  const text = `${t(`filters.kind.${rule.kind}`)} · ${t(`filters.action.${rule.action}`)}`;
  return entry({ title: rule.pattern, text, deeds: [[t("filters.remove"), () => void admin.change("DELETE", `/filters/${encodeURIComponent(rule.id)}`)]] });
}

customElements.define("filter-form", FilterForm);
