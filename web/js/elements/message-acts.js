/** What the buttons of a message do, in the conversation and in a thread. */
import { moment, number, t, tn } from "/js/i18n.js";
import { showReceipt } from "/js/elements/answer-receipt.js";
import { ask, confirm } from "/js/elements/ask-dialog.js";
import { pickEmoji } from "/js/elements/emoji-picker.js";
import { showFacts } from "/js/elements/facts-dialog.js";
import { openMenu } from "/js/elements/pop-menu.js";
import { showReactors } from "/js/elements/reactor-names.js";
import { tell, tried } from "/js/elements/telling.js";
import { toast } from "/js/elements/toast-stack.js";

const REASONS = ["spam", "harassment", "hate", "sexual", "violence", "privacy", "other"];

/**
 * A button in a list of rows was pressed.
 * @param {import("/js/models/chat.js").Chat} chat
 * @param {any} api
 * @param {Event} event
 * @param {string | null} thread the root, in a thread
 */
export function pressed(chat, api, event, thread) {
  const target = /** @type {HTMLElement} */ (event.target);
  const person = /** @type {HTMLElement | null} */ (target.closest("[data-user]"));
  if (person) return tell("show-person", { user: person.dataset.user, anchor: person });
  const button = /** @type {HTMLElement | null} */ (target.closest("[data-action]"));
  const row = /** @type {HTMLElement | null} */ (target.closest("message-row, .thread-row"));
  const { action } = button?.dataset ?? {};
  if (!button || !row || !action) return;
  const { cid = "", id = "", root } = row.dataset;
  if (action === "again") return chat.feed?.again(cid);
  if (action === "drop") return chat.feed?.drop(cid);
  if (action === "quote") return goToMessage(chat, button.dataset.to ?? "");
  if (root) return tell("open-panel", { name: "thread", root });
  const message = chat.feed?.message(id);
  if (message && action === "unfold") return unfold(chat, message, row);
  if (message) new Deed(chat, api, message, thread).run(action, button);
}

/** Shows what somebody has said who is blocked; whoever goes by keys goes on from there. @param {import("/js/models/chat.js").Chat} chat @param {any} message @param {HTMLElement} row */
function unfold(chat, message, row) {
  chat.folds.show(message);
  row.focus({ preventScroll: true });
}

/** Brings a message of the current room into view. @param {import("/js/models/chat.js").Chat} chat @param {string} id */
export async function goToMessage(chat, id) {
  const { current: room, feed } = chat;
  if (!room || !feed) return;
  const seq = feed.message(id)?.seq ?? Number(id.split("_").at(-1));
  if (Number.isFinite(seq)) tell("go-to", { room, seq });
}

/** What can be done to one message. */
class Deed {
  /**
   * @param {import("/js/models/chat.js").Chat} chat
   * @param {any} api
   * @param {import("/js/models/reducer.js").Message} message
   * @param {string | null} thread
   */
  constructor(chat, api, message, thread) {
    this.chat = chat;
    this.api = api;
    this.message = message;
    this.thread = thread;
    this.room = chat.current ?? "";
    this.isMine = message.by === chat.me?.id;
  }

  /** @param {string} permission */
  may(permission) {
    return this.chat.feed?.may(permission) ?? false;
  }

  get path() {
    return `/messages/${encodeURIComponent(this.message.id)}`;
  }

  /** @param {string} action @param {HTMLElement} button */
  run(action, button) {
    const { message, thread } = this;
    if (action === "react") return this.react(button.dataset.emoji ?? "");
    if (action === "pick-emoji") return pickEmoji(button, (emoji) => this.react(emoji));
    if (action === "reply") return tell("compose", { mode: "reply", message, thread });
    if (action === "thread") return tell("open-panel", { name: "thread", root: message.id });
    if (action === "history") return tried(this.history());
    if (action === "stop") return tried(this.chat.acts.stop(message.ai?.run ?? ""));
    if (action === "take-back") return tried(this.chat.acts.stop(this.chat.feed?.questions.waitOf(message.id)?.run ?? ""));
    if (action === "dismiss") return this.chat.feed?.questions.dismiss();
    if (action === "receipt") return showReceipt(this.chat, this.api, message);
    if (action === "ask-again") return tried(this.answer("continue"));
    if (action === "ask-anew") return tried(this.answer("retry"));
    if (action === "more") return this.menu(button);
  }

  /** Asks for more of an answer, or for another one. @param {"continue" | "retry"} how */
  answer(how) {
    return this.api.send("POST", `/ai/runs/${encodeURIComponent(this.message.ai?.run ?? "")}/${how}`);
  }

  /** @param {string} emoji */
  react(emoji) {
    const isMine = this.message.reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
    return tried(this.chat.acts.react(this.room, this.message.id, emoji, !isMine));
  }

  /** @param {HTMLElement} button */
  async menu(button) {
    // It may be gone by then.
    const box = button.getBoundingClientRect();
    const anchor = /** @type {any} */ ({ getBoundingClientRect: () => box });
    await this.chat.feed?.info.fresh();
    const { chat, message, room, thread, isMine } = this;
    const maySend = this.may("send");
    /** @param {string} icon @param {string} key @param {() => void} run @param {"bad"} [tone] */
    const item = (icon, key, run, tone) => ({ icon, text: t(key), run, tone });
    openMenu(anchor, [
      this.may("react") && item("smile", "act.pick-emoji", () => pickEmoji(anchor, (emoji) => this.react(emoji))),
      maySend && item("reply", "act.reply", () => this.run("reply", anchor)),
      maySend && !thread && typeof message.thread !== "string" && item("thread", "act.thread", () => this.run("thread", anchor)),
      isMine && maySend && !message.ai && item("edit", "act.edit", () => tell("compose", { mode: "edit", message, thread })),
      message.ai?.state === "done" && (message.ai.asker === chat.me?.id || this.may("delete_others")) && item("spark", "ai.retry", () => tried(this.answer("retry"))),
      "line",
      this.may("pin") && item("pin", message.pinned ? "act.unpin" : "act.pin", () => tried(chat.acts.pin(room, message.id, !message.pinned))),
      Boolean(message.text) && item("copy", "act.copy", () => this.copy()),
      !thread && item("unread", "act.unread", () => tried(chat.markUnread(message.seq))),
      item("eye", "act.seen", () => tried(this.seen())),
      message.reactions.length > 0 && item("people", "act.reactors", () => tried(showReactors(chat, this.api, message))),
      message.rev > 1 && item("clock", "act.history", () => tried(this.history())),
      "line",
      chat.folds.wasHidden(message) && item("eye", "fold.again", () => chat.folds.fold(message)),
      !isMine && item("flag", "act.report", () => this.report()),
      !thread && this.may("delete_others") && item("check", "act.select", () => tell("select-messages", message.id)),
      (isMine || this.may("delete_others")) && item("trash", "act.delete", () => this.remove(), "bad"),
    ]);
  }

  async copy() {
    await tried(navigator.clipboard?.writeText(this.message.text));
    toast(t("act.copied"));
  }

  remove() {
    return confirm("delete", {}, () => this.chat.acts.remove(this.room, this.message.id));
  }

  report() {
    const whose = this.chat.room?.club ? "" : ".instance";
    return ask({
      title: t("report.title"),
      text: t(`report.text${whose}`),
      fields: [
        { name: "reason", label: t("report.reason"), kind: "choice", options: REASONS.map((reason) => [reason, t(`report.${reason}`)]) },
        { name: "note", label: t("report.note"), kind: "long", most: 500 },
      ],
      action: t("report.do"),
      run: async (wish) => {
        const { dup } = await this.api.send("POST", `/rooms/${encodeURIComponent(this.room)}${this.path}/report`, wish);
        toast(t(dup ? "report.known" : `report.done${whose}`));
      },
    });
  }

  /** Who has read up to here. */
  async seen() {
    const { count, items } = await this.api.ofRoom(this.room, `${this.path}/seen`);
    this.chat.people.learn(items.map((/** @type {any} */ entry) => entry.user ?? entry));
    const people = items.map((/** @type {any} */ entry) => {
      const { id, display_name, username } = entry.user ?? entry;
      return { user: id, title: display_name || username, text: `@${username}` };
    });
    showFacts({ title: t("act.seen"), text: tn("seen.count", count), facts: people });
  }

  /** What the message said before. */
  async history() {
    /** @type {any[]} */ const items = [];
    /** @type {string | null} */ let cursor = null;
    do {
      const page = await this.api.ofRoom(this.room, `${this.path}/revisions`, cursor ? { cursor } : {});
      items.push(...page.items);
      cursor = page.next;
    } while (cursor);
    const facts = items.reverse().map((/** @type {any} */ { rev, text, at }) => ({ title: `${number(rev)} · ${moment(at)}`, text }));
    showFacts({ title: t("act.history"), text: facts.length ? "" : t("history.none"), facts });
  }
}
