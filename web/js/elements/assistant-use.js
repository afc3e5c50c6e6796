/** What the assistant used, and what holds of it in a room: for everybody who is in it. */
import { number, t, tn } from "/js/i18n.js";
import { dollars } from "/js/elements/answer-receipt.js";
import { languageText, modelText, wakesText } from "/js/elements/assistant-fields.js";
import { showFacts } from "/js/elements/facts-dialog.js";
import { tell } from "/js/elements/telling.js";

/** What was used today, and the limits. @param {any} usage @returns {string} */
export function usedText({ runs, tokens, micro_usd, tokens_limit, micro_usd_limit }) {
  /** @param {number} used @param {number | null} most @param {(count: number) => string} say */
  const limited = (used, most, say) => (most === null ? say(used) : t("assist.limit", { used: say(used), most: say(most) }));
  const money = micro_usd > 0 || micro_usd_limit !== null ? limited(micro_usd, micro_usd_limit, dollars) : "";
  return [tn("assist.runs", runs), t("assist.tokens", { tokens: limited(tokens, tokens_limit, number) }), money].filter(Boolean).join(" · ");
}

/** How little it can do on this server, if that is so. @param {{enabled: boolean, connected: boolean}} about */
export function lackText({ enabled, connected }) {
  return enabled ? (connected ? "" : t("assist.no.model")) : t("assist.off");
}

/**
 * When it answers in the current room, by what, and what that has used.
 * @param {import("/js/models/chat.js").Chat} chat
 * @param {any} api
 */
export async function showAssistant(chat, api) {
  const { room, feed } = chat;
  if (!room || !feed) return;
  const mayConfigure = feed.may("configure");
  const [about, said, club, mine, ours] = await Promise.all([
    api.get("/ai"),
    api.ofRoom(room.room, ""),
    room.club ? api.get(`/clubs/${encodeURIComponent(room.club)}/ai`) : {},
    api.get("/me/ai/usage"),
    mayConfigure ? api.ofRoom(room.room, "/ai/usage") : null,
  ]);
  /** Whose word it is. @param {any} isOwn @param {any} isClub */
  const by = (isOwn, isClub) => (isOwn ? t("assist.own") : isClub ? t("assist.as.club") : t("assist.as.usual"));
  /** @param {string} title @param {string} text @param {string} whose */
  const fact = (title, text, whose) => ({ title, text: [text, whose].filter(Boolean).join("\n") });
  /** @param {"persona" | "ai_language" | "ai_model"} name */
  const whose = (name) => (said[name] || club[name] ? by(said[name], club[name]) : "");
  const persona = said.persona || club.persona;
  const facts = [
    fact(t("ai.wakes"), wakesText(about.enabled ? said.assistant : "off"), about.enabled ? by(said.assistant_own, room.club) : ""),
    fact(t("ai.persona"), persona || t("assist.persona.none"), whose("persona")),
    fact(t("ai.language"), languageText(said.ai_language || club.ai_language), whose("ai_language")),
    fact(t("ai.model.choose"), modelText(said.ai_model || club.ai_model), whose("ai_model")),
    { title: t("assist.used.me"), text: usedText(mine) },
    ours && { title: t("assist.used.room"), text: usedText(ours) },
    mayConfigure && { title: t("assist.change.room"), run: () => tell("room-settings", room.room) },
    chat.mayManage(room.club) && { title: t("assist.change.club"), run: () => tell("club-admin", { club: room.club, tab: "ai" }) },
  ];
  showFacts({ title: t("assist.title", { room: room.name }), text: lackText(about), facts: facts.filter(Boolean) });
}
