import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";

/** A new room in a club, for those who manage it. */
class RoomDialog extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #club = "";

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("room-dialog"));
    this.on(part(this, "close"), "click", () => this.#dialog.close());
    this.on(this.#dialog, "click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#make()));
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /* Actions */

  /** @param {string} club */
  show(club) {
    this.#club = club;
    part(this, "form").reset();
    this.#say(null);
    const name = this.chat.clubs.get(club)?.name ?? "";
    setText(part(this, "title"), name ? t("club.add.room", { club: name }) : t("room.make.title"));
    this.#dialog.showModal();
    part(this, "form").elements.name.focus();
  }

  async #make() {
    const field = part(this, "form").elements.name;
    const name = field.value.trim();
    if (!name) return field.focus();
    part(this, "create").disabled = true;
    try {
      const room = await this.api.makeRoom(this.#club, { name });
      this.#dialog.close();
      await this.chat.refreshRooms();
      this.dispatchEvent(new CustomEvent("go-room", { bubbles: true, detail: room.id }));
    } catch (problem) {
      this.#say(problem);
    }
    part(this, "create").disabled = false;
  }

  /* Rendering */

  /** @param {any} problem */
  #say(problem) {
    part(this, "problem").hidden = !problem;
    setText(part(this, "problem"), problem ? tProblem(problem) : "");
  }
}

customElements.define("room-dialog", RoomDialog);
