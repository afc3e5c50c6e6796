import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { day, t, time, tProblem } from "/js/i18n.js";
import { deviceName } from "/js/models/device-name.js";
import { Problem } from "/js/problem.js";
import { ask, confirm } from "/js/elements/ask-dialog.js";
import { toast } from "/js/elements/toast-stack.js";

/** One's own account: what others see of it, whom it has blocked, its bots, where it is signed in, its password, all that is kept of it, and its end. */
class AccountDialog extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {any[]} */ #devices = [];

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("account-dialog");
    for (const name of ["profile", "blocks", "bots"]) Object.assign(part(copy, name), { chat: this.chat, api: this.api });
    this.append(copy);
    const dialog = this.#dialog;
    this.on(part(this, "close"), "click", () => dialog.close());
    this.on(dialog, "click", ({ target }) => target === dialog && dialog.close());
    this.on(document, "open-account", () => this.#show());
    this.on(document, "localechange", () => this.#render());
    this.on(this.chat, "people", () => this.#renderSelf());
    this.on(part(this, "others"), "click", () => this.#endOthers());
    this.on(part(this, "password"), "click", () => this.#password());
    this.on(part(this, "export"), "click", () => this.#export());
    this.on(part(this, "erase"), "click", () => this.#erase());
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /* Actions */

  #show() {
    this.#render();
    this.#dialog.showModal();
    for (const name of ["profile", "blocks", "bots"]) part(this, name).show();
    this.#load();
  }

  async #load() {
    await this.#try(async () => {
      const { items } = await this.api.devices();
      // This one first, then the one that was here last.
      this.#devices = items.sort((/** @type {any} */ a, /** @type {any} */ b) => Number(b.current) - Number(a.current) || b.seen_at - a.seen_at);
      this.#render();
    });
  }

  /** @param {() => Promise<any>} work what goes wrong with it is said here */
  async #try(work) {
    try {
      this.#say(null);
      await work();
    } catch (problem) {
      this.#say(problem);
    }
  }

  /** @param {any} device @param {HTMLButtonElement} button */
  async #end(device, button) {
    button.disabled = true;
    await this.#try(() => this.api.send("DELETE", `/me/devices/${encodeURIComponent(device.id)}`));
    button.disabled = false;
    await this.#load();
    part(this, "close").focus();
  }

  async #endOthers() {
    const isDone = await confirm("account.others", {}, () => this.api.send("DELETE", "/me/devices"));
    if (isDone) await this.#load();
  }

  async #password() {
    const isDone = await ask({
      title: t("account.password.title"),
      text: t("account.password.text"),
      fields: [
        { name: "old", label: t("account.password.old"), kind: "password", isNeeded: true, autocomplete: "current-password" },
        { name: "new", label: t("account.password.new"), kind: "password", isNeeded: true, autocomplete: "new-password", help: t("sign.password.hint"), wrong: t("field.password") },
        { name: "again", label: t("account.password.again"), kind: "password", isNeeded: true, autocomplete: "new-password", wrong: t("account.password.differs") },
      ],
      action: t("account.password.do"),
      run: async (/** @type {any} */ wish) => {
        if (wish.again !== wish.new) throw new Problem({ code: "invalid", errors: [{ field: "again", message: "" }] });
        await this.api.send("PUT", "/me/password", { old: wish.old, new: wish.new });
      },
    });
    if (!isDone) return;
    toast(t("account.password.done"));
    await this.#load();
  }

  /** Everything, as a file. */
  async #export() {
    const button = part(this, "export");
    button.disabled = true;
    setText(button, t("sign.busy"));
    await this.#try(async () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await this.api.export());
      link.download = `moim-${this.chat.me?.username}-${new Date().toISOString().slice(0, 10)}.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
    button.disabled = false;
    setText(button, t("account.export.do"));
  }

  #erase() {
    return ask({
      title: t("account.erase.title"),
      text: t("account.erase.text"),
      fields: [{ name: "password", label: t("account.erase.password"), kind: "password", isNeeded: true, autocomplete: "current-password" }],
      action: t("account.erase.do"),
      tone: "bad",
      run: async ({ password }) => {
        await this.api.erase(password).catch((/** @type {any} */ problem) => {
          throw problem.reason === "owns_clubs" ? Object.assign(problem, { told: this.#owned() }) : problem;
        });
      },
    });
  }

  /** The clubs that are to be handed over first. */
  #owned() {
    const mine = [...this.chat.clubs.values()].filter(({ my, member_count }) => my?.role === "owner" && member_count > 1);
    return [t("error.conflict.owns_clubs"), mine.map(({ name }) => name).join(", ")].filter(Boolean).join(" ");
  }

  /* Rendering */

  /** @param {any} problem */
  #say(problem) {
    part(this, "problem").hidden = !problem;
    setText(part(this, "problem"), problem ? tProblem(problem) : "");
  }

  #render() {
    this.#renderSelf();
    part(this, "others").hidden = this.#devices.length < 2;
    part(this, "devices").replaceChildren(...this.#devices.map((device) => this.#item(device)));
  }

  #renderSelf() {
    const { me } = this.chat;
    if (!me) return;
    paintAvatar(part(this, "avatar"), me.id, me.display_name);
    setText(part(this, "name"), me.display_name);
    setText(part(this, "handle"), `@${me.username}`);
  }

  /** @param {any} device */
  #item(device) {
    const item = /** @type {HTMLElement} */ (stamp("device-item").firstElementChild);
    const name = deviceName(device.name) || t("account.device");
    setText(part(item, "name"), name);
    part(item, "name").title = device.name;
    part(item, "current").hidden = !device.current;
    const seen = device.current ? "" : t("account.seen", { when: when(device.seen_at) });
    setText(part(item, "about"), [t("account.since", { when: when(device.created_at) }), seen, device.ip].filter(Boolean).join(" · "));
    const end = part(item, "end");
    end.hidden = device.current;
    end.ariaLabel = t("account.end", { device: name });
    end.addEventListener("click", () => this.#end(device, end));
    return item;
  }
}

/** @param {number} at */
function when(at) {
  return `${day(at)} ${time(at)}`;
}

customElements.define("account-dialog", AccountDialog);
