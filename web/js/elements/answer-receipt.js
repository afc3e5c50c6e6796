/** What an answer of the assistant was made of: the messages that it read, its sources, what it used, why it ended. */
import { has, number, t, tn } from "/js/i18n.js";
import { inShort } from "/js/in-short.js";
import { showFacts } from "/js/elements/facts-dialog.js";
import { tell } from "/js/elements/telling.js";

const MICRO = 1_000_000;
const QUOTE_LENGTH = 160;

/** @typedef {import("/js/models/reducer.js").Ai} Ai */

/**
 * @param {import("/js/models/chat.js").Chat} chat
 * @param {any} api
 * @param {import("/js/models/reducer.js").Message} message
 */
export function showReceipt(chat, api, message) {
  const { ai } = message;
  if (!ai) return;
  /** @type {import("/js/elements/facts-dialog.js").Fact[]} */
  const cites = (ai.cites ?? []).map(({ seq }) => place(chat, seq));
  const facts = [
    { title: t("ai.asker"), text: chat.people.name(ai.asker ?? "") || t("someone") },
    { title: t("ai.model"), text: ai.model ?? "" },
    { title: t("ai.used"), text: used(ai) },
    { title: t("ai.context"), text: ai.context ? tn("ai.context.is", ai.context.used) : "" },
    ...range(chat, ai),
    { title: t("ai.left"), text: leftOut(ai) },
    { title: t("ai.uncited"), text: ai.context?.uncited ? tn("ai.uncited.is", ai.context.uncited) : "" },
  ].filter(({ text }) => text);
  if (cites.length) cites.unshift({ title: t("ai.cites") });
  const add = showFacts({ title: t("ai.receipt"), text: stateOf(ai), facts: [...cites, ...facts] });
  // The operator's troubles are told to admins alone: to others the server says nothing that is not here.
  const told = (/** @type {any} */ run) => add(forAdmins(run), run.error ? "first" : "last");
  api.get(`/ai/runs/${encodeURIComponent(ai.run)}`).then(told, () => {});
}

/** How an answer ended, if it did not come to its end. @param {Ai} ai */
export function stateOf({ finish = "stop", error }) {
  if (finish === "stop") return "";
  for (const key of [`ai.error.${error}`, `ai.finish.${finish}`]) if (has(key)) return t(key);
  return t("ai.finish.error");
}

/** Money, in the unit that models are paid by. @param {number} micro millionths of a US dollar */
export function dollars(micro) {
  return `$${new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 5 }).format(micro / MICRO)}`;
}

/** A message to go to. @param {import("/js/models/chat.js").Chat} chat @param {number} seq */
function place({ feed, people, folds, current: room }, seq) {
  const at = (/** @type {any} */ passage) => passage?.entries.find((/** @type {any} */ entry) => entry.message?.seq === seq)?.message;
  const source = at(feed?.view) ?? at(feed?.timeline) ?? at(feed?.thread?.said);
  const run = () => tell("go-to", { room, seq });
  if (!source) return { title: t("message.reply.gone"), text: t("ai.go"), run };
  if (folds.hides(source)) return { title: t("fold.text"), text: t("ai.go"), run };
  const text = source.deleted ? t("message.deleted") : inShort(source).slice(0, QUOTE_LENGTH);
  return { title: people.name(source.by) || t("someone"), text, user: source.by, run };
}

/** Where what it read begins and ends. @param {import("/js/models/chat.js").Chat} chat @param {Ai} ai */
function range(chat, { context }) {
  if (!context?.used) return [];
  const ends = context.from === context.to ? [["ai.to", context.to]] : [["ai.from", context.from], ["ai.to", context.to]];
  return ends.map(([key, seq]) => {
    const { title, text, user, run } = place(chat, seq);
    return { title: t(key), text: user ? `${title}: ${text}` : text, run };
  });
}

/** @param {Ai} ai */
function used({ use, first_ms }) {
  if (!use) return "";
  const tokens = t(use.guessed ? "ai.tokens.guessed" : "ai.tokens", { in: number(use.in), out: number(use.out) });
  const money = use.micro_usd === undefined ? t("ai.unpriced") : dollars(use.micro_usd);
  const wait = first_ms === undefined ? "" : t("ai.first", { seconds: number(Math.round(first_ms / 100) / 10) });
  return [tokens, money, wait].filter(Boolean).join(" · ");
}

/** What it did not read, and why; each reason on a line of its own. @param {Ai} ai */
function leftOut({ context }) {
  const reasons = Object.entries(context?.left_out ?? {}).filter(([, count]) => Number(count) > 0);
  const say = (/** @type {[string, any]} */ [why, count]) =>
    t(has(`ai.left.${why}`) ? `ai.left.${why}` : "ai.left.other", { count: number(Number(count)) });
  return reasons.map(say).join("\n");
}

/** @param {any} run */
function forAdmins({ provider, error, finish }) {
  if (provider === undefined) return [];
  const reason = has(`ai.admin.${error}`) ? t(`ai.admin.${error}`) : t("ai.finish.error");
  // One that came to its end with an error was written by the next in line.
  const key = !error ? "ai.admin.none" : ["stop", "length"].includes(finish) ? "ai.admin.instead" : "ai.admin.is";
  return [{ title: t("ai.admin"), text: t(key, { reason, error, provider: provider || "–" }) }];
}
