/**
 * Korean and English. Text in templates carries `data-t` (and `data-t-label`, `-placeholder`,
 * `-title` for attributes); everything else asks `t`. A change of language is told on `document`
 * as `localechange`.
 */
import assistEn from "./words/assist.en.js";
import assistKo from "./words/assist.ko.js";
import en from "./words/en.js";
import ko from "./words/ko.js";
import ruleEn from "./words/rule.en.js";
import ruleKo from "./words/rule.ko.js";
import selfEn from "./words/self.en.js";
import selfKo from "./words/self.ko.js";
import talkEn from "./words/talk.en.js";
import talkKo from "./words/talk.ko.js";

const KEY = "moim.locale";
/** @type {Record<string, Record<string, string>>} */
const WORDS = {
  ko: { ...ko, ...talkKo, ...ruleKo, ...selfKo, ...assistKo },
  en: { ...en, ...talkEn, ...ruleEn, ...selfEn, ...assistEn },
};
/** What the page says of the reasons why a field does not fit. @type {Record<string, string>} */
const WRONG = {
  blank: "wrong.blank",
  needed: "wrong.blank",
  length: "wrong.length",
  too_long: "wrong.long",
  range: "wrong.range",
  characters: "wrong.characters",
  reserved: "wrong.reserved",
  model: "wrong.model",
  regex: "wrong.regex",
  regex_large: "wrong.regex.large",
  regex_unknown: "wrong.regex.unknown",
  regex_empty: "wrong.regex.empty",
  above_you: "wrong.owner",
  fixed: "wrong.same",
  choice: "wrong.choice",
};
const ATTRIBUTES = { tLabel: "aria-label", tPlaceholder: "placeholder", tTitle: "title" };

let locale = stored() ?? (navigator.language.startsWith("ko") ? "ko" : "en");

export function currentLocale() {
  return locale;
}

/** @param {string} next */
export function setLocale(next) {
  if (!WORDS[next] || next === locale) return;
  locale = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  begin();
  document.dispatchEvent(new Event("localechange"));
}

/** Brings the page itself into the language. */
export function begin() {
  document.documentElement.lang = locale;
  translate(document);
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values] for `{name}` places in the text
 */
export function t(key, values = {}) {
  const text = WORDS[locale][key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** A key that has another text for one. @param {string} key @param {number} count */
export function tn(key, count) {
  const one = `${key}.one`;
  return t(count === 1 && WORDS[locale][one] ? one : key, { count: number(count) });
}

/** @param {string} key */
export function has(key) {
  return key in WORDS[locale];
}

/** @param {ParentNode} root */
export function translate(root) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-t]"))) {
    element.textContent = t(element.dataset.t ?? "");
  }
  for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
    const selector = `[data-t-${name.slice(1).toLowerCase()}]`;
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(selector))) {
      element.setAttribute(attribute, t(element.dataset[name] ?? ""));
    }
  }
}

/**
 * What went wrong, for the person who sees it.
 * @param {any} problem
 */
export function tProblem(problem) {
  const why = problem?.banReason ? ` ${t("composer.muted.why", { reason: problem.banReason })}` : "";
  return tRefusal(problem) + why;
}

/** @param {any} problem */
function tRefusal(problem) {
  const { code = "internal", reason, retryMs, until } = problem ?? {};
  if (until && has(`error.${code}.until`)) return t(`error.${code}.until`, { until: moment(until) });
  const wait = retryMs ? Math.ceil(retryMs / 1000) : 0;
  if (code === "slow_mode" && wait) return t("error.slow_mode.wait", { seconds: wait });
  for (const key of [`error.${code}.${reason}`, `error.${code}`]) if (has(key)) return t(key);
  return t("error.internal");
}

/**
 * What does not fit in one field, in the reader's language. A reason that has no words here is said in
 * the server's, to those who read them.
 * @param {{reason?: string, least?: number, most?: number, message?: string}} error
 */
export function tWrong({ reason = "", least, most, message = "" }) {
  const key = WRONG[reason];
  if (!key) return locale === "en" && message ? message : t("wrong.other");
  return t(key, { least: number(least ?? 0), most: number(most ?? 0) });
}

/** @param {number} count */
export function number(count) {
  return new Intl.NumberFormat(locale).format(count);
}

/** The size of a file. @param {number} count */
export function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  const unitDisplay = step === 0 ? "long" : "short";
  const format = { style: "unit", unit: units[step], unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(locale, /** @type {Intl.NumberFormatOptions} */ (format)).format(count / 1000 ** step);
}

/** Clock time. @param {number} at */
export function time(at) {
  return new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(at);
}

/** Date and time, for a tooltip. @param {number} at */
export function moment(at) {
  return new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" }).format(at);
}

/** When something ends: the time alone where that is today. @param {number} at */
export function soon(at) {
  const isToday = dayKey(at) === dayKey(Date.now());
  return new Intl.DateTimeFormat(locale, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/** Today, yesterday, or the date. @param {number} at */
export function day(at) {
  const away = Math.round((midnight(Date.now()) - midnight(at)) / 86_400_000);
  if (away === 0) return t("day.today");
  if (away === 1) return t("day.yesterday");
  const isThisYear = new Date(at).getFullYear() === new Date().getFullYear();
  return new Intl.DateTimeFormat(locale, {
    year: isThisYear ? undefined : "numeric",
    month: "long",
    day: "numeric",
    weekday: "long",
  }).format(at);
}

/** The local day as a key. @param {number} at */
export function dayKey(at) {
  return String(midnight(at));
}

/** @param {number} at */
function midnight(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}

function stored() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept && WORDS[kept] ? kept : null;
  } catch {
    return null;
  }
}
