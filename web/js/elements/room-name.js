import { t } from "/js/i18n.js";

/**
 * What a room is called. The server calls a private one with somebody whose account is gone in one
 * language for all.
 * @param {import("/js/models/chat.js").Chat} chat
 * @param {{name: string, peer: string | null} | null | undefined} room
 */
export function roomName(chat, room) {
  if (!room?.peer) return room?.name ?? "";
  return chat.people.get(room.peer)?.deleted ? chat.people.name(room.peer) : room.name;
}

const WHYS = ["left", "kicked", "banned", "deleted", "role"];

/** That the reader has a room no longer. Out of a club one is put as a whole. @param {import("/js/models/gone.js").Lost} lost */
export function removedText({ name, why, club, clubName }) {
  const isWhole = club && clubName && (why === "kicked" || why === "banned");
  return t(`room.removed.${WHYS.includes(why) ? why : "other"}`, { room: isWhole ? clubName : name });
}
