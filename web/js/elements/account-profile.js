import { LiveElement, part, stamp } from "/js/dom.js";
import { currentLocale, setLocale, t } from "/js/i18n.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { toast } from "/js/elements/toast-stack.js";

const FIELDS = /** @type {const} */ (["display_name", "status_text", "locale"]);

/** What others see of oneself, and the language. */
class AccountProfile extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** What the server has. @type {Record<string, string>} */ #was = {};
  /** What the fields had to begin with: the language of the page may be another one than the server writes in. @type {Record<string, string>} */
  #shown = {};
  #isBusy = false;

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("account-profile"));
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#save()));
  }

  get #elements() {
    return part(this, "form").elements;
  }

  /* Actions */

  async show() {
    const { me } = this.chat;
    if (!me) return;
    this.#fill({ user: me, locale: currentLocale() });
    await this.#try(async () => {
      const told = await this.api.get("/me");
      // What somebody has begun meanwhile stays.
      if (FIELDS.every((name) => this.#elements[name].value === this.#shown[name])) this.#fill(told);
    });
  }

  async #save() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    await this.#try(async () => {
      const now = Object.fromEntries(FIELDS.map((name) => [name, this.#elements[name].value.trim()]));
      // Who leaves the name empty is called by the username again.
      const news = FIELDS.filter((name) => now[name] !== this.#was[name]).map((name) => [name, now[name] || null]);
      const told = news.length ? await this.api.changeMe(Object.fromEntries(news)) : { user: this.chat.me, locale: now.locale };
      setLocale(told.locale);
      this.#fill(told);
      this.chat.learnMe(told.user);
      toast(t("saved"));
    });
    this.#isBusy = false;
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

  /** @param {any} told as `GET /v1/me` says it */
  #fill({ user, locale }) {
    const isUsual = user.display_name === user.username;
    this.#was = { display_name: isUsual ? "" : user.display_name, status_text: user.status_text ?? "", locale };
    this.#elements.display_name.placeholder = user.username;
    this.#shown = { ...this.#was, locale: currentLocale() };
    for (const name of FIELDS) this.#elements[name].value = this.#shown[name];
  }
}

customElements.define("account-profile", AccountProfile);
