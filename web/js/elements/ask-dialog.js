import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { sayProblem } from "/js/elements/form-problem.js";

/**
 * Asks for what an act needs, or whether it is meant, and does it: the dialog stays open until it
 * is done. There is one of them.
 *
 * @typedef {{name: string, label: string, kind?: "text" | "long" | "choice" | "check" | "password", value?: string | boolean,
 *   most?: number, help?: string, wrong?: string, isNeeded?: boolean, autocomplete?: string, options?: [string, string][],
 *   only?: {of: string, among: string[]}}} AskField
 *   `wrong`: what to say when the server will not have what is in it; `only`: beside which choices in another field it is asked
 * @typedef {{title: string, text?: string, fields?: AskField[], action: string, tone?: "bad",
 *   run: (values: Record<string, any>) => Promise<any>}} Asked
 */
class AskDialog extends LiveElement {
  /** @type {Asked | null} */ #asked = null;
  /** @type {(isDone: boolean) => void} */ #end = () => {};

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("ask-dialog"));
    const dialog = this.#dialog;
    for (const name of ["close", "cancel"]) this.on(part(this, name), "click", () => dialog.close());
    this.on(dialog, "click", ({ target }) => target === dialog && dialog.close());
    this.on(dialog, "close", () => this.#end(false));
    this.on(part(this, "form"), "change", () => this.#sift());
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#run()));
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /** @param {Asked} asked @returns {Promise<boolean>} whether it was done */
  show(asked) {
    this.#asked = asked;
    this.#say(null);
    setText(part(this, "title"), asked.title);
    setText(part(this, "text"), asked.text ?? "");
    part(this, "fields").replaceChildren(...(asked.fields ?? []).map(fieldOf));
    this.#sift();
    const button = part(this, "run");
    setText(button, asked.action);
    button.classList.toggle("bad", asked.tone === "bad");
    button.disabled = false;
    this.#dialog.showModal();
    (part(this, "fields").querySelector("input, select, textarea") ?? button).focus();
    return new Promise((done) => (this.#end = done));
  }

  /** What is asked beside other choices only is not seen. */
  #sift() {
    /** @type {any} */
    const { elements } = part(this, "form");
    for (const { name, only } of this.#asked?.fields ?? []) {
      if (only) elements[name].closest(".field").hidden = !only.among.includes(elements[only.of].value);
    }
  }

  async #run() {
    const { fields = [], run } = /** @type {Asked} */ (this.#asked);
    /** @type {any} */
    const { elements } = part(this, "form");
    const values = Object.fromEntries(fields.map(({ name, kind }) => [name, valueOf(elements[name], kind)]));
    const missing = fields.find(({ name, isNeeded }) => isNeeded && !values[name]);
    if (missing) return elements[missing.name].focus();
    part(this, "run").disabled = true;
    this.#say(null);
    try {
      await run(values);
      this.#end(true);
      this.#dialog.close();
    } catch (problem) {
      this.#say(problem);
    }
    part(this, "run").disabled = false;
  }

  /** @param {any} problem */
  #say(problem) {
    const words = (this.#asked?.fields ?? []).flatMap(({ name, wrong }) => (wrong ? [[name, wrong]] : []));
    sayProblem(this, problem, Object.fromEntries(words));
  }
}

/** Blanks around a text are slips; in a password they are meant. @param {any} input @param {string} [kind] */
function valueOf(input, kind) {
  if (kind === "check") return input.checked;
  return kind === "password" ? input.value : input.value.trim();
}

let fields = 0;

/** @param {AskField} field @returns {HTMLElement} */
export function fieldOf({ name, label, kind = "text", value, most, help, isNeeded, autocomplete, options = [] }) {
  const field = /** @type {HTMLElement} */ (stamp("ask-field").firstElementChild);
  const tags = { text: "input", check: "input", password: "input", long: "textarea", choice: "select" };
  const input = /** @type {any} */ (document.createElement(tags[kind]));
  // Several dialogs may have a field of that name.
  fields += 1;
  Object.assign(input, { name, id: `ask-${name}-${fields}`, required: isNeeded ?? false });
  if (kind === "check") Object.assign(input, { type: "checkbox", checked: Boolean(value) });
  if (kind === "password") Object.assign(input, { type: "password", autocomplete, maxLength: 128 });
  if (kind === "long") input.rows = 3;
  if (kind === "choice") input.append(...options.map(([key, text]) => new Option(text, key)));
  if (kind !== "check" && value !== undefined) input.value = value;
  if (most && kind !== "choice") input.maxLength = most;
  part(field, "label").htmlFor = input.id;
  setText(part(field, "label"), label);
  setText(part(field, "help"), help ?? "");
  part(field, "help").id = `${input.id}-help`;
  input.setAttribute("aria-describedby", `${input.id}-help`);
  field.classList.toggle("is-check", kind === "check");
  if (kind === "check") field.prepend(input);
  else part(field, "label").after(input);
  return field;
}

/** @param {Asked} asked @returns {Promise<boolean>} */
export function ask(asked) {
  return /** @type {any} */ (document.querySelector("ask-dialog")).show(asked);
}

/** Asks whether something is meant. @param {string} key of its words @param {Record<string, string | number>} values @param {() => Promise<any>} run */
export function confirm(key, values, run) {
  return ask({ title: t(`${key}.title`, values), text: t(`${key}.text`, values), action: t(`${key}.do`), tone: "bad", run });
}

customElements.define("ask-dialog", AskDialog);
