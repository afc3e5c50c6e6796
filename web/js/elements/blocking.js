/** Blocking somebody, and taking that back, wherever one meets them. */
import { t } from "/js/i18n.js";
import { confirm } from "/js/elements/ask-dialog.js";
import { tried } from "/js/elements/telling.js";
import { toast } from "/js/elements/toast-stack.js";

/** Nobody blocks themselves, the assistant, or who is gone. @param {import("/js/models/chat.js").Chat} chat @param {string | null | undefined} user */
export function mayBlock(chat, user) {
  return Boolean(user) && ![chat.me?.id, chat.assistant].includes(user ?? "") && !chat.people.isErased(user ?? "");
}

/** @param {import("/js/models/chat.js").Chat} chat @param {string} user */
export function block(chat, user) {
  const { about, name } = known(chat, user);
  return confirm("block", { name }, async () => {
    await chat.blocks.set(about, true);
    toast(t("block.done", { name }));
  });
}

/** @param {import("/js/models/chat.js").Chat} chat @param {string} user @returns {Promise<boolean>} whether it was done */
export async function unblock(chat, user) {
  const { about, name } = known(chat, user);
  const isDone = await tried(chat.blocks.set(about, false));
  if (isDone) toast(t("block.undone", { name }));
  return isDone;
}

/** @param {import("/js/models/chat.js").Chat} chat @param {string} user */
function known(chat, user) {
  const about = chat.people.get(user) ?? { id: user, username: "", display_name: "" };
  return { about, name: chat.people.name(user) || t("someone") };
}
