import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { paintAvatar } from "/js/avatar.js";
import { number, t, tn } from "/js/i18n.js";
import { ask } from "/js/elements/ask-dialog.js";
import { tell, tried } from "/js/elements/telling.js";
import { openMenu } from "/js/elements/pop-menu.js";

const STATES = /** @type {const} */ (["online", "away", "dnd"]);
/** After so long without a key or a pointer somebody is away. */
const IDLE_MS = 10 * 60_000;
const MENU_MS = 400;

/** Who is signed in and how they are, the language, and the way out. */
class AccountMenu extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ #idleTimer;
  #isIdle = false;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("account-menu"));
    this.on(this.chat, "rooms presence status", () => this.#render());
    this.on(document, "localechange", () => this.#render());
    this.on(this.chat.office, "change", () => this.#render());
    this.on(document, "set-status", () => this.#say());
    this.on(part(this, "me"), "click", () => this.#menu());
    this.on(part(this, "sign-out"), "click", () => this.dispatchEvent(new Event("sign-out", { bubbles: true })));
    for (const type of ["keydown", "pointerdown", "pointermove"]) this.on(window, type, () => this.#stirred());
    this.#stirred();
    this.#render();
  }

  disconnectedCallback() {
    clearTimeout(this.#idleTimer);
    super.disconnectedCallback();
  }

  /** How many reports wait for an admin. */
  get #reports() {
    const { open, hasMore } = this.chat.office;
    return `${number(open)}${hasMore ? "+" : ""}`;
  }

  /** How the reader is, as the rooms are told. */
  get #standing() {
    const { feed, me } = this.chat;
    return feed?.presence.state(me?.id ?? "") ?? { state: "online" };
  }

  /* Actions */

  async #menu() {
    const { state } = this.#standing;
    const { office } = this.chat;
    // A menu does not wait long for the newest count.
    if (office.isAdmin) await Promise.race([office.count().catch(() => {}), new Promise((late) => setTimeout(late, MENU_MS))]);
    openMenu(part(this, "me"), [
      ...STATES.map((name) => ({ text: t(`state.${name}`), isOn: state === name, run: () => void tried(this.chat.acts.status({ state: name })) })),
      "line",
      { icon: "edit", text: t("status.say"), run: () => void this.#say() },
      { icon: "gear", text: t("account.title"), run: () => tell("open-account", null) },
      "line",
      office.isAdmin && { icon: "flag", text: `${t("office.reports")}${office.open ? ` (${this.#reports})` : ""}`, run: () => tell("instance-admin", "reports") },
      office.isAdmin && { icon: "shield", text: t("office.filters"), run: () => tell("instance-admin", "filters") },
      office.isAdmin && { icon: "eye", text: t("live.title"), run: () => location.assign("/admin/actors") },
    ]);
  }

  #say() {
    const { text = "" } = this.#standing;
    const before = text || /** @type {any} */ (this.chat.me)?.status_text || "";
    return ask({
      title: t("status.say"),
      fields: [{ name: "text", label: t("status.text"), value: before, most: 60, help: t("status.hint") }],
      action: t("save"),
      run: async ({ text: said }) => {
        await this.chat.acts.status({ text: said });
        Object.assign(this.chat.me ?? {}, { status_text: said });
        this.#render();
      },
    });
  }

  /** Somebody is here; when nobody stirs for long they are away, unless they want no disturbance. */
  #stirred() {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#rest(), IDLE_MS);
    if (!this.#isIdle) return;
    this.#isIdle = false;
    this.chat.acts.status({ state: "online" }).catch(() => {});
  }

  #rest() {
    if (this.#standing.state !== "online") return;
    this.#isIdle = true;
    this.chat.acts.status({ state: "away" }).catch(() => {});
  }

  /* Rendering */

  #render() {
    const { me } = this.chat;
    if (!me) return;
    const { state, text } = this.#standing;
    paintAvatar(part(this, "avatar"), me.id, me.display_name);
    this.dataset.state = this.chat.status === "online" ? state : "off";
    setText(part(this, "name"), me.display_name);
    const said = text ?? /** @type {any} */ (me).status_text;
    setText(part(this, "handle"), [state === "online" ? "" : t(`state.${state}`), said].filter(Boolean).join(" · ") || `@${me.username}`);
    part(this, "me").title = t("status.menu");
    const { open } = this.chat.office;
    part(this, "reports").hidden = open === 0;
    setText(part(this, "reports"), open ? this.#reports : "");
    part(this, "reports").setAttribute("role", "img");
    part(this, "reports").ariaLabel = tn("office.waiting", open);
  }
}

customElements.define("account-menu", AccountMenu);
