import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { moment, number, t, time, tn, tProblem } from "/js/i18n.js";
import { contentOf } from "/js/markup.js";
import { stateOf } from "/js/elements/answer-receipt.js";
import { isEmojiOnly } from "/js/models/text.js";
import { TEXT_LIMIT, textLength } from "/js/protocol.js";

const QUOTE_LENGTH = 120;
/** Why an answer broke off that would break off again. */
const HOPELESS = ["too_large"];
/** Why no more of an answer will come. */
const FINAL = ["declined", "withheld"];

/** What is left of a message that the reader does not want to see: its place, and what others said below it. */
const FOLDED = { text: "", html: undefined, reply_to: null, edited: false, pinned: false, calls: false, files: [], previews: [], reactions: [], ai: null };

/** One message, pending or confirmed. */
class MessageRow extends LiveElement {
  #shown = "";

  /* Rendering */

  /**
   * @param {any} message a row of `models/rows.js`
   * @param {{name: string, isErased: boolean, isBot: boolean, username: string, isOnline: boolean, quote: {name: string, text: string} | null,
   *   unread: number, isPicked: boolean | null, mayStop: boolean, wait: {place: number, isMine: boolean, mayEnd: boolean} | null, noAnswer: any,
   *   isFolded: boolean}} about
   * @param {import("/js/models/file-keys.js").FileKeys} keys
   */
  show(message, about, keys) {
    // Of what is folded nothing is in the page that one could read by accident.
    const row = about.isFolded ? { ...message, ...FOLDED } : message;
    const shown = JSON.stringify([row, about, document.documentElement.lang]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (!this.isBuilt) this.append(stamp("message-row"));
    this.tabIndex = -1;
    Object.assign(this.dataset, { state: row.state, cid: row.cid ?? "", id: row.id ?? "", seq: row.seq ?? "" });
    const { mine, head, tail, deleted, pinned, calls } = row;
    const facts = { mine, head, tail, deleted, pinned, called: calls, ai: Boolean(row.ai), picked: Boolean(about.isPicked), folded: about.isFolded };
    for (const [name, isSo] of Object.entries(facts)) this.classList.toggle(`is-${name}`, isSo);
    part(this, "fold").hidden = !about.isFolded;
    setText(part(this, "fold-text"), about.isFolded ? t("fold.text") : "");
    this.#renderAuthor(row, about);
    this.#renderText(row, about);
    part(this, "beside").show(row, keys);
    this.#renderQuote(row, about);
    this.#renderReactions(row);
    this.#renderThread(row, about);
    this.#renderAnswer(row, about);
    this.#renderQuestion(row, about);
    this.#renderTrouble(row);
    this.#renderPick(row, about);
  }

  /** @param {any} row @param {any} about */
  #renderAuthor(row, { name, isErased, isBot, isFolded }) {
    part(this, "byline").hidden = isFolded || (!row.head && !row.pinned);
    // Nobody is known by the letters of what all are called whose account is gone.
    paintAvatar(part(this, "avatar"), row.by, (!isErased && name) || "·");
    part(this, "avatar").dataset.user = row.by;
    setText(part(this, "name"), name || t("someone"));
    // Nobody needs to be told twice.
    part(this, "robot").hidden = name === t("ai.tag");
    part(this, "bot").hidden = !isBot;
    part(this, "name").dataset.user = row.by;
    part(this, "pinned").hidden = !row.pinned;
    const at = part(this, "time");
    at.dateTime = new Date(row.at).toISOString();
    at.title = moment(row.at);
    setText(at, time(row.at));
  }

  /** @param {any} row @param {any} about */
  #renderText(row, { username, isOnline, isFolded }) {
    const text = part(this, "text");
    part(this, "line").hidden = isFolded;
    if (isFolded) return text.replaceChildren();
    if (row.deleted) setText(text, t("message.deleted"));
    else text.replaceChildren(contentOf(row, username));
    text.title = moment(row.at);
    // Files may come without a word, and so does an answer at first.
    text.hidden = !row.deleted && !row.text && (row.files.length > 0 || Boolean(row.ai));
    text.classList.toggle("is-emoji", !row.deleted && isEmojiOnly(text.textContent));
    const waiting = t(isOnline ? "message.sending" : "message.waiting");
    setText(part(this, "aside"), row.state === "sending" ? waiting : row.head ? "" : time(row.at));
    part(this, "edited").hidden = !row.edited;
    setText(part(this, "edited"), t("message.edited"));
  }

  /** @param {any} row @param {any} about */
  #renderQuote(row, { quote }) {
    const place = part(this, "quote");
    place.hidden = !row.reply_to;
    if (!row.reply_to) return;
    const text = quote ? [quote.name, quote.text.slice(0, QUOTE_LENGTH)].filter(Boolean).join(": ") : t("message.reply.gone");
    setText(place, text);
    place.dataset.to = row.reply_to;
  }

  /** @param {any} row */
  #renderReactions({ reactions }) {
    const place = part(this, "reactions");
    place.hidden = reactions.length === 0;
    const held = /** @type {HTMLElement} */ (document.activeElement)?.dataset?.emoji;
    const isHeld = place.contains(document.activeElement);
    place.replaceChildren(...reactions.map(chip));
    if (isHeld) [...place.children].find((button) => button.dataset.emoji === held)?.focus();
  }

  /** @param {any} row @param {any} about */
  #renderThread({ thread }, { unread }) {
    const place = part(this, "thread");
    place.hidden = !thread;
    if (!thread) return;
    setText(part(this, "thread-count"), tn("thread.replies", thread.count));
    setText(part(this, "thread-last"), time(thread.last_at));
    part(this, "thread-unread").hidden = unread === 0;
    setText(part(this, "thread-unread"), number(unread));
    part(this, "thread-unread").ariaLabel = tn("rooms.unread", unread);
  }

  /** How an answer of the assistant stands, and what it was made of. @param {any} row @param {any} about */
  #renderAnswer({ ai, deleted, text }, { mayStop }) {
    const place = part(this, "answer");
    place.hidden = !ai || deleted;
    if (!ai) return;
    const isWriting = ai.state === "running" && !deleted;
    // A screen reader is told the whole, not each piece.
    this.ariaBusy = String(isWriting);
    this.dataset.answer = isWriting ? "running" : (ai.finish ?? "stop");
    setText(part(this, "answer-state"), isWriting ? t("ai.writing") : stateOf(ai));
    part(this, "stop").hidden = !isWriting || !mayStop;
    part(this, "receipt").hidden = isWriting;
    const mayAsk = !isWriting && mayStop && (ai.finish ?? "stop") !== "stop" && !HOPELESS.includes(ai.error);
    // There is nothing to go on with where nothing was said, or where no more of it will come or would fit.
    const goesOn = Boolean(text) && !FINAL.includes(ai.error) && textLength(text) < TEXT_LIMIT;
    part(this, "ask-again").hidden = !mayAsk || !goesOn;
    part(this, "ask-anew").hidden = !mayAsk || goesOn;
  }

  /** A question that waits for its turn, or gets no answer. @param {any} row @param {any} about */
  #renderQuestion({ deleted }, { wait, noAnswer, isFolded }) {
    const isOpen = !deleted && !isFolded;
    part(this, "wait").hidden = !isOpen || !wait;
    if (wait) setText(part(this, "wait-text"), t(wait.isMine ? "ai.wait" : "ai.waits", { count: number(wait.place) }));
    part(this, "take-back").hidden = !wait?.mayEnd;
    part(this, "no-answer").hidden = !isOpen || !noAnswer;
    if (noAnswer) setText(part(this, "no-answer-why"), `${t("ai.refused")} ${tProblem(noAnswer)}`);
  }

  /** @param {any} row */
  #renderTrouble(row) {
    const failed = row.state === "failed";
    part(this, "trouble").hidden = !failed;
    if (failed) setText(part(this, "reason"), `${t("message.failed")} ${tProblem(row.problem)}`);
  }

  /** @param {any} row @param {any} about */
  #renderPick(row, { isPicked }) {
    const pick = part(this, "pick");
    pick.hidden = isPicked === null || row.deleted || !row.id;
    pick.checked = Boolean(isPicked);
    pick.ariaLabel = t("select.one");
  }
}

/** @param {import("/js/models/reducer.js").Reaction} reaction */
function chip({ emoji, count, mine }) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "reaction", ariaPressed: String(mine) });
  Object.assign(button.dataset, { action: "react", emoji });
  button.ariaLabel = `${emoji} ${number(count)}`;
  const tally = document.createElement("span");
  tally.textContent = number(count);
  button.append(emoji, tally);
  return button;
}

customElements.define("message-row", MessageRow);
