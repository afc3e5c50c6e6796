/** What an answer of the assistant was made of: the messages that it read, its sources, what it used. */
import { has, number, t } from "/js/i18n.js";
import { showFacts } from "/js/elements/facts-dialog.js";
import { tell } from "/js/elements/telling.js";

const MICRO = 1_000_000;

/** @param {import("/js/models/chat.js").Chat} chat @param {import("/js/models/reducer.js").Message} message */
export function showReceipt(chat, message) {
  const { ai } = message;
  if (!ai) return;
  const room = chat.current;
  const facts = [
    { title: t("ai.asker"), text: chat.people.name(ai.asker ?? "") || t("someone") },
    { title: t("ai.model"), text: ai.model ?? "" },
    { title: t("ai.used"), text: used(ai) },
    { title: t("ai.context"), text: read(ai) },
  ].filter(({ text }) => text);
  const cites = (ai.cites ?? []).map(({ id, seq }) => {
    const source = chat.feed?.message(id);
    const name = source ? chat.people.name(source.by) || t("someone") : t("message.reply.gone");
    return { title: name, text: source?.text.slice(0, 160) ?? "", user: source?.by, run: () => tell("go-to", { room, seq }) };
  });
  showFacts({ title: t("ai.receipt"), text: [stateOf(ai), cites.length ? t("ai.cites") : ""].filter(Boolean).join(" "), facts: [...cites, ...facts] });
}

/** How an answer ended, if it did not come to its end. @param {import("/js/models/reducer.js").Ai} ai */
export function stateOf({ finish = "stop", error }) {
  if (finish === "stop") return "";
  for (const key of [`ai.error.${error}`, `ai.finish.${finish}`]) if (has(key)) return t(key);
  return t("ai.finish.error");
}

/** Money, in the unit that models are paid by. @param {number} micro millionths of a US dollar */
export function dollars(micro) {
  return `$${new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 5 }).format(micro / MICRO)}`;
}

/** @param {import("/js/models/reducer.js").Ai} ai */
function used({ use, first_ms }) {
  if (!use) return "";
  const tokens = t(use.guessed ? "ai.tokens.guessed" : "ai.tokens", { in: number(use.in), out: number(use.out) });
  const money = use.micro_usd === undefined ? "" : dollars(use.micro_usd);
  const wait = first_ms === undefined ? "" : t("ai.first", { seconds: number(Math.round(first_ms / 100) / 10) });
  return [tokens, money, wait].filter(Boolean).join(" · ");
}

/** @param {import("/js/models/reducer.js").Ai} ai */
function read({ context }) {
  if (!context) return "";
  const left = Object.values(context.left_out ?? {}).reduce((sum, count) => sum + Number(count), 0);
  const told = t("ai.context.is", { used: number(context.used), from: context.from, to: context.to });
  const less = left ? t("ai.context.left", { count: number(left) }) : "";
  const bare = context.uncited ? t("ai.context.uncited", { count: number(context.uncited) }) : "";
  return [told, less, bare].filter(Boolean).join(" · ");
}
