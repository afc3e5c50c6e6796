/** What the log of a club says that was changed, in the reader's language. The server keeps it in words of its own. */
import { has, t, tn } from "/js/i18n.js";
import { spanOf } from "/js/elements/room-settings.js";

/** @param {string} key @param {string} word what the server calls it */
const known = (key, word) => (has(key) ? t(key) : word);

/** How a setting is called, and what it may be. @type {Record<string, [string, (value: string) => string]>} */
const SETTINGS = {
  name: ["room.make.name", String],
  topic: ["room.topic", String],
  history: ["room.history", (word) => known(`room.history.${word}`, word)],
  write: ["room.make.write", (word) => known(`room.make.write.${word}`, word)],
  slow_mode_s: ["room.slow.label", (seconds) => spanOf(Number(seconds))],
  listed: ["talk.listed", (word) => known(`audit.is.${word}`, word)],
  retention_days: ["room.keep", (days) => (days === "none" ? t("room.keep.ever") : tn("span.days", Number(days)))],
  greeting: ["club.greeting", String],
  description: ["club.description", String],
  seen_by: ["club.seen_by", (word) => known(`audit.is.${word}`, word)],
  assistant: ["ai.wakes", (word) => known(`ai.wakes.${word}`, word)],
  assistant_bots: ["ai.bots", (word) => t(`ai.bots.${word === "true" ? "yes" : "no"}`)],
  assistant_manner: ["audit.manner", String],
};

/** @type {Record<string, (detail: string) => string>} */
const ACTIONS = {
  "member.role": (role) => known(`members.role.${role}`, role),
  "filter.add": rule,
  "filter.remove": rule,
  "room.permissions": (detail) => each(detail, permission),
  "room.settings": (detail) => each(detail, setting),
  "club.update": (detail) => each(detail, setting),
  "club.settings": (detail) => each(detail, setting),
};

/** @param {string} action @param {string} detail */
export function detailText(action, detail) {
  return ACTIONS[action]?.(detail) ?? detail;
}

/** @param {string} detail @param {(name: string, value: string) => string} say */
function each(detail, say) {
  const words = detail.split(" ").filter(Boolean);
  return words.map((word) => say(...(/** @type {[string, string]} */ ([...word.split("="), ""].slice(0, 2))))).join(" · ");
}

/** @param {string} name @param {string} value */
function setting(name, value) {
  const [key, say] = SETTINGS[name] ?? [];
  if (!key || !say) return value ? `${name}=${value}` : name;
  return value ? `${t(key)}: ${say(value)}` : t(key);
}

/** @param {string} name @param {string} value */
function permission(name, value) {
  return `${known(`rule.${name}`, name)}: ${value === "default" ? t("rule.usual") : known(`rank.${value}`, value)}`;
}

/** `fl_3 mask word radish` @param {string} detail */
function rule(detail) {
  const [, action, kind, pattern] = detail.match(/^\S+ (\S+) (\S+) ([^]*)$/u) ?? [];
  if (!pattern) return detail;
  return `${known(`filters.kind.${kind}`, kind)} “${pattern}” · ${known(`filters.action.${action}`, action)}`;
}
