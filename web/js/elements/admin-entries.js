/** What stands in the lists of moderators: reports, who is muted or banned, what was done. */
import { paintAvatar } from "/js/avatar.js";
import { part, setText, stamp } from "/js/dom.js";
import { day, has, soon, t, time, tProblem } from "/js/i18n.js";
import { ask } from "/js/elements/ask-dialog.js";
import { detailText } from "/js/elements/audit-words.js";
import { spanOptions } from "/js/elements/person-card.js";
import { tell } from "/js/elements/telling.js";

/** Messages that show what a reported one is about. */
const AROUND = 7;
const ACTIONS = ["dismiss", "delete", "mute", "kick", "ban"];

/**
 * @typedef {import("/js/models/chat.js").Chat} Chat
 * @typedef {[string, () => void]} Deed a label, and what it does
 */

/** @param {Chat} chat @param {string | null} user */
function nameOf(chat, user) {
  return user ? chat.people.name(user) || t("someone") : "";
}

/** @param {{user?: string | null, name?: string, title: string, text: string, quote?: string, below?: HTMLElement | null, deeds?: Deed[]}} about */
export function entry({ user, name = "", title, text, quote = "", below, deeds = [] }) {
  const item = /** @type {HTMLElement} */ (stamp("admin-item").firstElementChild);
  part(item, "avatar").hidden = !user;
  if (user) paintAvatar(part(item, "avatar"), user, name);
  setText(part(item, "title"), title);
  setText(part(item, "text"), text);
  setText(part(item, "quote"), quote);
  if (below) part(item, "about").append(below);
  for (const [label, run] of deeds) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button small", textContent: label });
    // Several entries have the same.
    button.ariaLabel = `${label}: ${title}`;
    button.addEventListener("click", run);
    part(item, "buttons").append(button);
  }
  return item;
}

/** @param {Chat} chat @param {any} api @param {any} report @param {{leave: () => void, decide: () => void}} ways */
export function reportEntry(chat, api, report, { leave, decide }) {
  const by = report.by ? nameOf(chat, report.by) : t("reports.rule");
  const room = chat.book.get(report.room);
  const why = has(`report.${report.reason}`) ? t(`report.${report.reason}`) : report.reason;
  const who = report.decided_by ? t("reports.settled.by", { name: nameOf(chat, report.decided_by) }) : "";
  const end = report.settlement ? `${t(`reports.act.${report.settlement}`)} · ${who} · ${when(report.decided_at)}` : "";
  const note = report.note ? `: “${report.note}”` : "";
  const facts = [why, room?.name ?? t("reports.elsewhere"), t("reports.by", { name: by }) + note, when(report.at)];
  const seq = Number(report.message.split("_").at(-1));
  /** @type {Deed[]} */
  const deeds = [];
  if (room) deeds.push([t("reports.go"), () => (leave(), tell("go-to", { room: report.room, seq }))]);
  if (report.status === "open") deeds.push([t("reports.decide"), decide]);
  // It stays as it is when names have come.
  if (room) report.around ??= around(chat, api, report, seq);
  const name = nameOf(chat, report.author);
  return entry({
    user: report.author,
    name,
    title: name,
    text: [facts.filter(Boolean).join(" · "), end].filter(Boolean).join("\n"),
    quote: report.text ?? "",
    below: report.around,
    deeds,
  });
}

/** What was said before and behind, for who is in the room; read when it is asked for. @param {Chat} chat @param {any} api @param {any} report @param {number} seq */
function around(chat, api, report, seq) {
  const box = /** @type {HTMLDetailsElement} */ (stamp("admin-around").firstElementChild);
  const list = part(box, "list");
  const line = (/** @type {any} */ { id, by, text, deleted }) => {
    const item = document.createElement("li");
    item.classList.toggle("is-it", id === report.message);
    const name = document.createElement("strong");
    setText(name, nameOf(chat, by));
    item.append(name, ` ${deleted ? t("message.deleted") : text}`);
    return item;
  };
  box.addEventListener("toggle", async () => {
    if (!box.open) return;
    try {
      const { items } = await api.ofRoom(report.room, "/messages", { around_seq: seq, limit: AROUND });
      list.replaceChildren(...items.map(line));
    } catch (problem) {
      setText(list, tProblem(problem));
    }
  });
  return box;
}

/** Asks how a report is to end, and ends it so. @param {any} api @param {string} at @param {any} report @param {() => void} done */
export function decide(api, at, report, done) {
  const only = (/** @type {string} */ action) => ({ of: "action", among: [action] });
  return ask({
    title: t("reports.decide"),
    text: report.text ?? "",
    fields: [
      { name: "action", label: t("reports.action"), kind: "choice", options: ACTIONS.map((action) => [action, t(`reports.act.${action}`)]) },
      { name: "mute_for", label: t("reports.for"), kind: "choice", value: "86400", options: spanOptions(["short", "hour", "day", "week", "weeks"]), only: only("mute") },
      { name: "ban_for", label: t("reports.for"), kind: "choice", value: "604800", options: [...spanOptions(["hour", "day", "week", "month"]), ["", t("span.ever")]], only: only("ban") },
      { name: "reason", label: t("person.reason"), most: 255 },
    ],
    action: t("reports.decide"),
    run: async ({ action, mute_for, ban_for, reason }) => {
      const seconds = { mute: mute_for, ban: ban_for }[action];
      const wish = { action, reason: reason || undefined, seconds: seconds ? Number(seconds) : undefined };
      await api.send("POST", `${at}/reports/${encodeURIComponent(report.id)}/decide`, wish);
      done();
    },
  });
}

/** @param {Chat} chat @param {any} ban @param {() => void} lift */
export function banEntry(chat, { user, banned_at, until, reason }, lift) {
  const facts = [when(banned_at), until ? t("bans.until", { until: soon(until) }) : t("span.ever"), reason];
  return personEntry(chat, user, facts.filter(Boolean).join(" · "), [t("bans.lift"), lift]);
}

/** @param {Chat} chat @param {any} mute @param {() => void} lift */
export function muteEntry(chat, { user, until }, lift) {
  return personEntry(chat, user, t("bans.until", { until: soon(until) }), [t("mutes.lift"), lift]);
}

/** @param {Chat} chat @param {any} user @param {string} text @param {Deed} deed */
function personEntry(chat, user, text, deed) {
  chat.people.learn([user]);
  const name = nameOf(chat, user.id);
  return entry({ user: user.id, name, title: name, text, deeds: [deed] });
}

/** @param {Chat} chat @param {any} act */
export function actEntry(chat, { by, action, user, room, until, reason, detail, at }) {
  const what = has(`audit.${action}`) ? t(`audit.${action}`) : action;
  const whom = [nameOf(chat, user), chat.book.get(room)?.name].filter(Boolean).join(", ");
  // A room that was made is named already.
  const change = detail && detail !== chat.book.get(room)?.name ? detailText(action, detail) : "";
  const more = [when(at), until && t("bans.until", { until: soon(until) }), reason, change];
  const name = nameOf(chat, by);
  return entry({ user: by, name, title: `${name}: ${what}${whom ? ` (${whom})` : ""}`, text: more.filter(Boolean).join(" · ") });
}

/** @param {number} at */
function when(at) {
  return `${day(at)} ${time(at)}`;
}
