import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { moment, t, time, tProblem } from "/js/i18n.js";
import { contentOf } from "/js/markup.js";
import { isEmojiOnly } from "/js/models/text.js";

const QUOTE_LENGTH = 120;

/** One message, pending or confirmed. */
class MessageRow extends LiveElement {
  #shown = "";

  /* Rendering */

  /**
   * @param {any} row of `models/rows.js`
   * @param {{name: string, username: string, isOnline: boolean, quote: {name: string, text: string} | null}} about
   * @param {import("/js/models/file-keys.js").FileKeys} keys
   */
  show(row, about, keys) {
    const shown = JSON.stringify([row, about, document.documentElement.lang]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (!this.isBuilt) this.append(stamp("message-row"));
    this.dataset.state = row.state;
    this.dataset.cid = row.cid ?? "";
    this.classList.toggle("is-mine", row.mine);
    this.classList.toggle("is-head", row.head);
    this.classList.toggle("is-tail", row.tail);
    this.classList.toggle("is-deleted", row.deleted);
    this.#renderAuthor(row, about);
    this.#renderText(row, about);
    part(this, "beside").show(row, keys);
    this.#renderQuote(row, about);
    this.#renderTrouble(row);
  }

  /** @param {any} row @param {any} about */
  #renderAuthor(row, { name }) {
    paintAvatar(part(this, "avatar"), row.by, name || "·");
    part(this, "byline").hidden = !row.head;
    setText(part(this, "name"), name || t("someone"));
    const at = part(this, "time");
    at.dateTime = new Date(row.at).toISOString();
    at.title = moment(row.at);
    setText(at, time(row.at));
  }

  /** @param {any} row @param {any} about */
  #renderText(row, { username, isOnline }) {
    const text = part(this, "text");
    if (row.deleted) setText(text, t("message.deleted"));
    else text.replaceChildren(contentOf(row, username));
    text.title = moment(row.at);
    // Files may come without a word.
    text.hidden = !row.deleted && !row.text && row.files.length > 0;
    text.classList.toggle("is-emoji", !row.deleted && isEmojiOnly(text.textContent));
    const waiting = t(isOnline ? "message.sending" : "message.waiting");
    const aside = row.state === "sending" ? waiting : row.edited ? t("message.edited") : row.head ? "" : time(row.at);
    setText(part(this, "aside"), aside);
  }

  /** @param {any} row @param {any} about */
  #renderQuote(row, { quote }) {
    const place = part(this, "quote");
    place.hidden = !row.reply_to;
    if (!row.reply_to) return;
    const text = quote ? `${quote.name}: ${quote.text.slice(0, QUOTE_LENGTH)}` : t("message.reply.gone");
    setText(place, text);
  }

  /** @param {any} row */
  #renderTrouble(row) {
    const failed = row.state === "failed";
    part(this, "trouble").hidden = !failed;
    if (failed) setText(part(this, "reason"), `${t("message.failed")} ${tProblem(row.problem)}`);
  }
}

customElements.define("message-row", MessageRow);
