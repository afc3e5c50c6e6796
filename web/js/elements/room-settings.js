import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tn, tProblem } from "/js/i18n.js";
import { confirm, fieldOf } from "/js/elements/ask-dialog.js";
import { changedOf, NOTHING, roomFields, saidOf } from "/js/elements/assistant-fields.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { toast } from "/js/elements/toast-stack.js";

const SLOW = [0, 5, 10, 30, 60, 300, 900, 3600, 21_600];
/** Days for which a room may keep what is said; 0 stands for ever. */
const KEEP = [0, 1, 7, 30, 90, 180, 365];
const PERMISSIONS = ["send", "react", "attach", "mention_all", "pin", "invite", "delete_others", "kick", "mute", "configure"];
const RANKS = ["member", "moderator", "owner", "nobody"];

/** What moderators set in a room: name, topic, pace, history, and who may do what. */
class RoomSettings extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #room = "";
  /** @type {any} */ #was = null;
  /** What is said of the assistant: by the room itself, by its club, and the models it may answer by. @type {any} */ #assistant = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("room-settings"));
    const dialog = this.#dialog;
    this.on(part(this, "close"), "click", () => dialog.close());
    this.on(dialog, "click", ({ target }) => target === dialog && dialog.close());
    this.on(part(this, "form"), "submit", (event) => (event.preventDefault(), this.#save()));
    this.on(part(this, "delete"), "click", () => this.#remove());
    this.on(part(this, "as-club"), "click", () => this.#leave());
    this.on(document, "room-settings", ({ detail }) => this.#show(detail));
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  /** What a room of this kind may say, as the page shows it. */
  get #settable() {
    return PERMISSIONS.filter((name) => this.#was.settable.includes(name));
  }

  get #at() {
    return `/rooms/${encodeURIComponent(this.#room)}`;
  }

  /* Actions */

  /** @param {string} room */
  async #show(room) {
    this.#room = room;
    sayProblem(this, null);
    try {
      const club = this.chat.book.get(room)?.club;
      const [detail, rules, { models }, said] = await Promise.all([
        this.api.ofRoom(room, ""),
        this.api.ofRoom(room, "/permissions"),
        this.api.get("/ai"),
        club ? this.api.get(`/clubs/${encodeURIComponent(club)}/ai`) : null,
      ]);
      this.#was = { ...detail, ...rules };
      this.#assistant = { models, own: saidOf(detail), club: said && saidOf(said) };
      this.#render();
      this.#dialog.showModal();
    } catch (problem) {
      toast(tProblem(problem), "bad");
    }
  }

  /** Only what is different is sent: what others changed meanwhile stays. */
  async #save() {
    const was = this.#was;
    /** @type {any} */
    const { elements } = part(this, "form");
    const now = {
      name: elements.name?.value.trim(),
      topic: elements.topic.value.trim(),
      slow_mode_s: Number(elements.slow_mode_s.value),
      history: elements.history.value,
      listed: elements.listed?.checked,
      retention_days: Number(elements.retention_days.value) || null,
    };
    const news = Object.entries(now).filter(([key, value]) => value !== undefined && value !== was[key]);
    const room = { ...Object.fromEntries(news), ...changedOf(elements, this.#assistant.own) };
    /** @type {Record<string, string | null>} */
    const rules = {};
    for (const name of this.#settable) {
      const { value } = elements[`may-${name}`];
      const before = was.own.includes(name) ? was.permissions[name] : "";
      if (value !== before) rules[name] = value || null;
    }
    part(this, "save").disabled = true;
    try {
      sayProblem(this, null);
      if (Object.keys(room).length) await this.api.send("PATCH", this.#at, room);
      if (Object.keys(rules).length) await this.api.send("PATCH", `${this.#at}/permissions`, rules);
      await this.chat.feed?.info.load();
      this.#dialog.close();
      toast(t("saved"));
    } catch (problem) {
      sayProblem(this, problem);
    }
    part(this, "save").disabled = false;
  }

  /** In the form, until it is saved. */
  #leave() {
    this.#renderAssistant(NOTHING);
    part(this, "save").focus();
  }

  async #remove() {
    const isDone = await confirm("room.delete", { room: this.#was.name }, () => this.api.send("DELETE", this.#at));
    if (isDone) this.#dialog.close();
  }

  /* Rendering */

  #render() {
    const { name, topic, slow_mode_s, history, listed, kind, retention_days } = this.#was;
    const slow = [...new Set([...SLOW, slow_mode_s])].sort((a, b) => a - b);
    const keep = [...new Set([...KEEP, retention_days ?? 0])].sort((a, b) => a - b);
    /** @type {import("/js/elements/ask-dialog.js").AskField[]} */
    const fields = [
      { name: "topic", label: t("room.topic"), value: topic, most: 200 },
      { name: "slow_mode_s", label: t("room.slow.label"), kind: "choice", value: String(slow_mode_s), options: slow.map((seconds) => [String(seconds), spanOf(seconds)]), help: t("room.slow.hint") },
      { name: "history", label: t("room.history"), kind: "choice", value: history, options: [["all", t("room.history.all")], ["since_join", t("room.history.since_join")]] },
      { name: "retention_days", label: t("room.keep"), kind: "choice", value: String(retention_days ?? 0), options: keep.map((days) => [String(days), days ? tn("span.days", days) : t("room.keep.ever")]), help: t("room.keep.hint") },
    ];
    if (kind !== "lobby") fields.unshift({ name: "name", label: t("room.make.name"), value: name, most: 50, isNeeded: true });
    if (kind === "group") fields.push({ name: "listed", label: t("talk.listed"), kind: "check", value: listed });
    setText(part(this, "title"), t("room.settings.title", { room: name }));
    part(this, "fields").replaceChildren(...fields.map(fieldOf));
    part(this, "rules").replaceChildren(...this.#settable.map((permission) => this.#rule(permission)));
    part(this, "rules-box").open = false;
    this.#renderAssistant();
  }

  /** When it answers here, and how it is to be: the room's own words, or the club's. */
  #renderAssistant(said = this.#assistant.own) {
    const { models, club } = this.#assistant;
    part(this, "assistant").replaceChildren(...roomFields(said, models, club).map(fieldOf));
    part(this, "as-club").hidden = !club || Object.values(said).every((value) => !value);
  }

  /** @param {string} permission */
  #rule(permission) {
    const { permissions, own } = this.#was;
    const isOwn = own.includes(permission);
    const usual = isOwn ? t("rule.usual") : t("rule.usual.is", { rank: t(`rank.${permissions[permission]}`) });
    const options = /** @type {[string, string][]} */ ([["", usual], ...RANKS.map((rank) => [rank, t(`rank.${rank}`)])]);
    return fieldOf({ name: `may-${permission}`, label: t(`rule.${permission}`), kind: "choice", value: isOwn ? permissions[permission] : "", options });
  }
}

/** How long, in slow mode. @param {number} seconds */
export function spanOf(seconds) {
  if (seconds === 0) return t("room.slow.off");
  if (seconds < 60) return tn("span.seconds", seconds);
  return seconds < 3600 ? tn("span.minutes", Math.round(seconds / 60)) : tn("span.hours", Math.round(seconds / 3600));
}

customElements.define("room-settings", RoomSettings);
