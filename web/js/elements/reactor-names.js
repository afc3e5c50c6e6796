import { LiveElement, setText } from "/js/dom.js";
import { currentLocale, number, t, tn } from "/js/i18n.js";
import { showFacts } from "/js/elements/facts-dialog.js";
import { placeNear } from "/js/elements/pop-menu.js";

const AFTER_MS = 250;
const MOST_NAMES = 12;

/** Who has reacted, beside the reaction that one points at or that has the focus. There is one of them. */
class ReactorNames extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {HTMLElement | null} */ #chip = null;
  /** @type {any} */ #timer;

  /* Lifecycle */

  connectedCallback() {
    this.id = "reactor-names";
    this.popover = "manual";
    this.setAttribute("role", "tooltip");
    this.on(document, "pointerover", ({ target, pointerType }) => pointerType !== "touch" && this.#at(target));
    this.on(document, "focusin", ({ target }) => this.#at(target.matches(":focus-visible") ? target : null));
    this.on(document, "keydown", ({ key }) => key === "Escape" && this.#leave());
    this.on(document, "pointerdown wheel", () => this.#leave());
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    super.disconnectedCallback();
  }

  /* Actions */

  /** @param {EventTarget | null} target */
  #at(target) {
    const chip = /** @type {HTMLElement | null} */ (/** @type {Element | null} */ (target)?.closest?.(".reaction") ?? null);
    if (chip === this.#chip && chip?.isConnected) return;
    this.#leave();
    this.#chip = chip;
    if (chip) this.#timer = setTimeout(() => this.#show(chip), AFTER_MS);
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#chip?.removeAttribute("aria-describedby");
    this.#chip = null;
    if (this.matches(":popover-open")) this.hidePopover();
  }

  /** @param {HTMLElement} chip */
  async #show(chip) {
    const id = /** @type {HTMLElement | null} */ (chip.closest("message-row"))?.dataset.id;
    const { emoji = "" } = chip.dataset;
    if (!id || !this.chat.current) return;
    // Where it cannot be known there is nothing to say.
    const told = await reactorsOf(this.chat, this.api, id, emoji).catch(() => null);
    if (!told || told.count === 0 || this.#chip !== chip || !chip.isConnected) return;
    setText(this, sentence(this.chat, told, emoji));
    this.showPopover();
    placeNear(this, chip.getBoundingClientRect());
    chip.setAttribute("aria-describedby", this.id);
  }
}

/** @param {import("/js/models/chat.js").Chat} chat @param {any} api @param {string} message @param {string} emoji */
async function reactorsOf(chat, api, message, emoji) {
  const told = await api.ofRoom(chat.current, `/messages/${encodeURIComponent(message)}/reactions/${encodeURIComponent(emoji)}`);
  chat.people.learn(told.items);
  return told;
}

/** @param {import("/js/models/chat.js").Chat} chat @param {any} told @param {string} emoji */
function sentence(chat, { count, items }, emoji) {
  const isMe = (/** @type {any} */ { id }) => id === chat.me?.id;
  const shown = [...items.filter(isMe), ...items.filter((/** @type {any} */ user) => !isMe(user))].slice(0, MOST_NAMES);
  const names = shown.map((/** @type {any} */ user) => nameOf(chat, user));
  if (count > shown.length) names.push(tn("reactors.more", count - shown.length));
  return t("reactors.are", { names: new Intl.ListFormat(currentLocale()).format(names), emoji });
}

/** @param {import("/js/models/chat.js").Chat} chat @param {any} user */
function nameOf(chat, { id, display_name, username }) {
  return id === chat.me?.id ? t("reactors.you") : display_name || username;
}

/** All who have reacted to a message, each with what. @param {import("/js/models/chat.js").Chat} chat @param {any} api @param {import("/js/models/reducer.js").Message} message */
export async function showReactors(chat, api, message) {
  const all = await Promise.all(
    message.reactions.map(async ({ emoji }) => ({ emoji, ...(await reactorsOf(chat, api, message.id, emoji)) })),
  );
  /** @type {Map<string, {title: string, text: string, user: string}>} */
  const facts = new Map();
  for (const { emoji, items } of all) {
    for (const user of items) {
      const text = [facts.get(user.id)?.text, emoji].filter(Boolean).join(" ");
      facts.set(user.id, { title: user.display_name || user.username, text, user: user.id });
    }
  }
  const counts = all.map(({ emoji, count }) => `${emoji} ${number(count)}`).join("  ");
  showFacts({ title: t("act.reactors"), text: counts, facts: [...facts.values()] });
}

customElements.define("reactor-names", ReactorNames);
