import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { day, moment, t } from "/js/i18n.js";
import { ask, confirm } from "/js/elements/ask-dialog.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { toast } from "/js/elements/toast-stack.js";

/** One's own bots: making them, and their tokens, each of which is shown once. */
class AccountBots extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {any[]} */ #bots = [];

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("account-bots"));
    this.on(document, "localechange", () => this.#render());
    this.on(part(this, "make"), "click", () => this.#make());
    this.on(part(this, "copy"), "click", () => this.#copy());
    this.on(part(this, "seen"), "click", () => this.#hide());
  }

  /* Actions */

  async show() {
    this.#hide();
    await this.#load();
  }

  async #load() {
    try {
      sayProblem(this, null);
      ({ items: this.#bots } = await this.api.bots());
      this.#render();
    } catch (problem) {
      sayProblem(this, problem);
    }
  }

  async #make() {
    let made = /** @type {any} */ (null);
    const isDone = await ask({
      title: t("bots.make"),
      text: t("bots.make.text"),
      fields: [
        { name: "username", label: t("sign.username"), most: 64, isNeeded: true, wrong: t("bots.name.wrong") },
        { name: "display_name", label: t("profile.name"), most: 64 },
      ],
      action: t("bots.make.do"),
      run: async ({ username, display_name: shown }) => (made = await this.api.send("POST", "/bots", { username, ...(shown && { display_name: shown }) })),
    });
    if (!isDone) return;
    await this.#load();
    this.#tell(made, made.token);
  }

  /** @param {any} bot */
  async #renew(bot) {
    let token = "";
    const run = async () => ({ token } = await this.api.send("POST", `/bots/${encodeURIComponent(bot.id)}/token`));
    if (await confirm("bots.renew", { name: bot.display_name }, run)) this.#tell(bot, token);
  }

  /** @param {any} bot */
  async #end(bot) {
    const run = () => this.api.send("DELETE", `/bots/${encodeURIComponent(bot.id)}`);
    if (!(await confirm("bots.end", { name: bot.display_name }, run))) return;
    this.#hide();
    await this.#load();
    part(this, "make").focus();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(part(this, "token").value);
      toast(t("bots.copied"));
    } catch {
      part(this, "token").select();
    }
  }

  /* Rendering */

  /** @param {any} bot @param {string} token */
  #tell(bot, token) {
    setText(part(this, "whose"), t("bots.token.of", { name: bot.display_name }));
    part(this, "token").value = token;
    part(this, "once").hidden = false;
    part(this, "copy").focus();
  }

  #hide() {
    part(this, "once").hidden = true;
    part(this, "token").value = "";
  }

  #render() {
    part(this, "none").hidden = this.#bots.length > 0;
    part(this, "list").replaceChildren(...this.#bots.map((bot) => this.#item(bot)));
  }

  /** @param {any} bot */
  #item(bot) {
    const item = /** @type {HTMLElement} */ (stamp("bot-item").firstElementChild);
    const { id, username, display_name: name, created_at: made, seen_at: seen, online } = bot;
    item.dataset.bot = id;
    paintAvatar(part(item, "avatar"), id, name);
    setText(part(item, "name"), name);
    const was = online ? t("state.online") : seen ? t("account.seen", { when: moment(seen) }) : t("bots.unseen");
    setText(part(item, "about"), [`@${username}`, t("bots.since", { when: day(made) }), was].join(" · "));
    part(item, "renew").ariaLabel = t("bots.renew.of", { name });
    part(item, "renew").addEventListener("click", () => this.#renew(bot));
    part(item, "end").ariaLabel = t("bots.end.of", { name });
    part(item, "end").addEventListener("click", () => this.#end(bot));
    return item;
  }
}

customElements.define("account-bots", AccountBots);
