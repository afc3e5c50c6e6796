import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { day, t, tProblem } from "/js/i18n.js";
import { unblock } from "/js/elements/blocking.js";

/** Whom one has blocked, and the way back. */
class AccountBlocks extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("account-blocks"));
    this.on(this.chat.blocks, "change", () => this.#render());
    this.on(document, "localechange", () => this.#render());
  }

  async show() {
    this.#say("");
    this.#render();
    try {
      await this.chat.blocks.load();
      this.#render();
    } catch (problem) {
      this.#say(tProblem(problem));
    }
  }

  /** @param {string} user @param {HTMLButtonElement} button */
  async #end(user, button) {
    const at = this.#buttons.indexOf(button);
    button.disabled = true;
    const isDone = await unblock(this.chat, user);
    button.disabled = false;
    // The next one takes its place, for who goes by keys.
    if (isDone) (this.#buttons[at] ?? this.#buttons.at(-1) ?? part(this, "title")).focus();
    else button.focus();
  }

  /** @returns {HTMLButtonElement[]} */
  get #buttons() {
    return [...this.querySelectorAll("button")];
  }

  /* Rendering */

  /** @param {string} problem */
  #say(problem) {
    part(this, "problem").hidden = !problem;
    setText(part(this, "problem"), problem);
  }

  #render() {
    const { list } = this.chat.blocks;
    this.chat.people.learn(list.map(({ user }) => user).filter(({ username }) => username));
    part(this, "none").hidden = list.length > 0;
    const held = /** @type {HTMLElement} */ (document.activeElement)?.dataset?.blocked;
    part(this, "list").replaceChildren(...list.map((block) => this.#item(block)));
    if (held) this.#buttons.find(({ dataset }) => dataset.blocked === held)?.focus();
  }

  /** @param {import("/js/models/blocks.js").Block} block */
  #item({ user, at }) {
    const item = /** @type {HTMLElement} */ (stamp("block-item").firstElementChild);
    const name = this.chat.people.name(user.id) || t("someone");
    paintAvatar(part(item, "avatar"), user.id, name);
    setText(part(item, "name"), name);
    setText(part(item, "about"), [user.username && `@${user.username}`, t("block.since", { when: day(at) })].filter(Boolean).join(" · "));
    const end = part(item, "end");
    end.dataset.blocked = user.id;
    end.ariaLabel = t("block.end", { name });
    end.addEventListener("click", () => this.#end(user.id, end));
    return item;
  }
}

customElements.define("account-blocks", AccountBlocks);
