import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";

const FIELDS = ["username", "password", "display_name"];
const USERNAME = /^[A-Za-z0-9._\-가-힣]{2,64}$/u;
const HELP = { username: "sign.username.hint", password: "sign.password.hint", display_name: "" };

/** The first screen: one form that signs in or makes an account. */
class SignIn extends LiveElement {
  /** @type {any} */ api;
  /** Why the last sign-in ended, if that must be said. @type {string | null} */
  why = null;
  #isRegister = false;
  /** @type {any} */ #problem = null;
  /** @type {Record<string, string>} field → key of what is wrong with it */ #wrong = {};

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("sign-in"));
    this.on(part(this, "form"), "submit", (event) => this.#submit(event));
    this.on(part(this, "to-register"), "click", () => this.#turn(true));
    this.on(part(this, "to-sign-in"), "click", () => this.#turn(false));
    this.on(document, "localechange", () => this.#render());
    this.#render();
    // On a phone it would only bring up the keyboard over the page.
    if (matchMedia("(pointer: fine)").matches) this.#input("username").focus();
  }

  /* Actions */

  /** @param {boolean} isRegister */
  #turn(isRegister) {
    this.#isRegister = isRegister;
    this.#problem = null;
    this.#wrong = {};
    this.why = null;
    this.#render();
    this.#input("username").focus();
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    this.#problem = null;
    this.#wrong = this.#missing();
    if (Object.keys(this.#wrong).length === 0) await this.#ask();
    this.#render();
    const first = FIELDS.find((name) => this.#wrong[name]);
    if (first) this.#input(first).focus();
  }

  async #ask() {
    const form = Object.fromEntries(
      FIELDS.map((name) => [name, this.#value(name)]).filter(([, value]) => value !== ""),
    );
    if (!this.#isRegister) delete form.display_name;
    this.#busy(true);
    try {
      await (this.#isRegister ? this.api.register(form) : this.api.signIn(form));
      this.dispatchEvent(new Event("signed-in"));
    } catch (problem) {
      this.#take(problem);
    } finally {
      this.#busy(false);
    }
  }

  /** Field problems go to their fields, the rest above the form. @param {any} problem */
  #take(problem) {
    if (problem.code === "username_taken") this.#wrong = { username: "error.username_taken" };
    for (const { field } of problem.errors ?? []) if (FIELDS.includes(field)) this.#wrong[field] = `field.${field}`;
    if (Object.keys(this.#wrong).length === 0) this.#problem = problem;
  }

  #missing() {
    /** @type {Record<string, string>} */
    const wrong = {};
    for (const name of ["username", "password"]) if (!this.#value(name)) wrong[name] = "field.required";
    if (!this.#isRegister) return wrong;
    const username = this.#value("username");
    if (username && !USERNAME.test(username.normalize("NFC"))) wrong.username = "field.username";
    const { length } = this.#value("password");
    if (length > 0 && length < 8) wrong.password = "field.password";
    return wrong;
  }

  /** Blanks around a name are slips; in a password they are meant. @param {string} name */
  #value(name) {
    const { value } = this.#input(name);
    return name === "password" ? value : value.trim();
  }

  /** @param {boolean} isBusy */
  #busy(isBusy) {
    for (const name of ["sign-in", "register"]) part(this, name).disabled = isBusy;
    const key = isBusy ? "sign.busy" : this.#isRegister ? "sign.up" : "sign.in";
    setText(part(this, this.#isRegister ? "register" : "sign-in"), t(key));
  }

  /* Rendering */

  #render() {
    const isRegister = this.#isRegister;
    setText(part(this, "title"), t(isRegister ? "sign.up.title" : "sign.in.title"));
    for (const name of ["sign-in", "to-register"]) part(this, name).hidden = isRegister;
    for (const name of ["register", "to-sign-in", "display-field"]) part(this, name).hidden = !isRegister;
    this.#input("password").autocomplete = isRegister ? "new-password" : "current-password";
    this.#say("notice", this.why ? t(`sign.why.${this.why}`) : "");
    this.#say("problem", this.#problem ? tProblem(this.#problem) : "");
    for (const name of FIELDS) this.#renderHelp(name);
  }

  /** @param {string} name */
  #renderHelp(name) {
    const wrong = this.#wrong[name];
    const hint = this.#isRegister ? HELP[/** @type {keyof HELP} */ (name)] : "";
    const help = part(this, `${name}-help`);
    setText(help, wrong ? t(wrong) : hint ? t(hint) : "");
    help.classList.toggle("wrong", Boolean(wrong));
    this.#input(name).setAttribute("aria-invalid", String(Boolean(wrong)));
  }

  /** @param {string} name @param {string} text */
  #say(name, text) {
    part(this, name).hidden = !text;
    setText(part(this, name), text);
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #input(name) {
    return part(this, "form").elements[name];
  }
}

customElements.define("sign-in", SignIn);
