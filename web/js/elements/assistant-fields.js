/** The fields of what a club or a room says of the assistant. A room may leave each of them to its club. */
import { t } from "/js/i18n.js";

const WAKES = ["off", "mention", "always"];
const NAMES = /** @type {const} */ (["assistant", "assistant_bots", "persona", "ai_language", "ai_model"]);
const LANGUAGES = { ko: "한국어", en: "English" };

/**
 * @typedef {{assistant: string, assistant_bots: string, persona: string, ai_language: string, ai_model: string}} Said where nothing is said, empty
 */

/** What a room says that leaves everything to its club. @type {Said} */
export const NOTHING = { assistant: "", assistant_bots: "", persona: "", ai_language: "", ai_model: "" };

/** What a club says, or a room itself. @param {any} told by the server @returns {Said} */
export function saidOf({ assistant, assistant_own: isOwn = true, assistant_bots: bots, assistant_bots_own: hasOwn = true, persona, ai_language, ai_model }) {
  return { assistant: isOwn ? assistant : "", assistant_bots: hasOwn ? yesOrNo(bots) : "", persona: persona ?? "", ai_language: ai_language ?? "", ai_model: ai_model ?? "" };
}

/** @param {boolean | undefined} is */
const yesOrNo = (is) => (is ? "yes" : "no");

/** @param {string} word */
export function botsText(word) {
  return t(`ai.bots.${word}`);
}

/** @param {string} word */
export function wakesText(word) {
  return t(`ai.wakes.${word}`);
}

/** @param {string | null} language */
export function languageText(language) {
  return language ? (LANGUAGES[/** @type {keyof LANGUAGES} */ (language)] ?? language) : t("ai.language.asker");
}

/** @param {string | null} model */
export function modelText(model) {
  return model || t("ai.model.usual");
}

/**
 * @param {Said} said
 * @param {string[]} models to choose from
 * @returns {import("/js/elements/ask-dialog.js").AskField[]}
 */
export function clubFields(said, models) {
  return fields(said, models, { persona: "", ai_language: languageText(null), ai_model: modelText(null), help: "" });
}

/**
 * @param {Said} said by the room itself
 * @param {string[]} models to choose from
 * @param {Said | null} club what its club says; null outside clubs
 * @returns {import("/js/elements/ask-dialog.js").AskField[]}
 */
export function roomFields(said, models, club) {
  /** @param {string} value */
  const usual = (value) => t(club ? "assist.as.club.is" : "assist.as.usual.is", { value });
  const persona = !club ? "" : club.persona ? t("assist.persona.club.is", { value: club.persona }) : t("assist.persona.club");
  return fields(said, models, {
    assistant: usual(wakesText(club?.assistant ?? "mention")),
    assistant_bots: usual(botsText(club?.assistant_bots || "no")),
    persona,
    ai_language: usual(languageText(club?.ai_language ?? null)),
    ai_model: usual(modelText(club?.ai_model ?? null)),
    help: club ? t("assist.own") : "",
  });
}

/**
 * @param {Said} said
 * @param {string[]} models
 * @param {{assistant?: string, assistant_bots?: string, persona: string, ai_language: string, ai_model: string, help: string}} usual
 *   what holds where nothing is said; `help`: what to say beside a value of one's own
 * @returns {import("/js/elements/ask-dialog.js").AskField[]}
 */
function fields(said, models, usual) {
  const wakes = /** @type {[string, string][]} */ (WAKES.map((word) => [word, wakesText(word)]));
  const bots = /** @type {[string, string][]} */ (["no", "yes"].map((word) => [word, botsText(word)]));
  const known = [...new Set([...models, said.ai_model])].filter(Boolean);
  /** @param {keyof Said} name */
  const help = (name) => (said[name] ? usual.help : "");
  /** @type {import("/js/elements/ask-dialog.js").AskField[]} */
  const all = [
    { name: "assistant", label: t("ai.wakes"), kind: "choice", value: said.assistant, options: usual.assistant === undefined ? wakes : [["", usual.assistant], ...wakes], help: help("assistant") },
    { name: "assistant_bots", label: t("ai.bots"), kind: "choice", value: said.assistant_bots, options: usual.assistant_bots === undefined ? bots : [["", usual.assistant_bots], ...bots], help: [help("assistant_bots"), t("ai.bots.hint")].filter(Boolean).join(" ") },
    { name: "persona", label: t("ai.persona"), kind: "long", value: said.persona, most: 500, help: [help("persona"), usual.persona].filter(Boolean).join(" ") },
    { name: "ai_language", label: t("ai.language"), kind: "choice", value: said.ai_language, options: [["", usual.ai_language], ...Object.entries(LANGUAGES)], help: help("ai_language") },
    { name: "ai_model", label: t("ai.model.choose"), kind: "choice", value: said.ai_model, options: [["", usual.ai_model], ...known.map((model) => /** @type {[string, string]} */ ([model, model]))], help: help("ai_model") },
  ];
  // Where nothing can be chosen there is no choice.
  return all.filter(({ name }) => name !== "ai_model" || known.length > 0);
}

/** What is different from what was said, as it is sent: null leaves it. @param {any} elements of the form @param {Said} was */
export function changedOf(elements, was) {
  const now = NAMES.flatMap((name) => (elements[name] ? [[name, elements[name].value.trim()]] : []));
  return Object.fromEntries(now.filter(([name, value]) => value !== was[/** @type {keyof Said} */ (name)]).map(([name, value]) => [name, name === "assistant_bots" && value ? value === "yes" : value || null]));
}
