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
