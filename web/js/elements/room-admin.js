import { part } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { AdminDialog } from "/js/elements/admin-dialog.js";
import { actEntry, banEntry, muteEntry } from "/js/elements/admin-entries.js";
import { roomName } from "/js/elements/room-name.js";
import { tell } from "/js/elements/telling.js";

/** What moderators see of one room: who is muted or stays out, where it is the room that decides that, and what was done. */
class RoomAdmin extends AdminDialog {
  tabs = ["mutes", "bans", "audit"];

  connectedCallback() {
    if (!this.isBuilt) this.build("room-admin", "room-admin");
  }

  /** The current room. */
  show() {
    const { room, feed } = this.chat;
    if (!room || !feed) return;
    this.at = `/rooms/${encodeURIComponent(room.room)}`;
    const may = mayLook(this.chat);
    for (const tab of this.tabs) part(this, `tab-${tab}`).hidden = !may.includes(tab);
    if (may.length) this.begin(t("room.admin.title", { room: roomName(this.chat, room) }), may[0]);
  }

  /** @param {any} item */
  draw(item) {
    const { chat, tab } = this;
    if (tab === "audit") return actEntry(chat, item);
    const id = encodeURIComponent(item.user.id);
    const lift = (/** @type {string} */ path) => this.change("DELETE", path).then(() => tell("members-changed", null));
    if (tab === "mutes") return muteEntry(chat, item, () => void lift(`/members/${id}/mute`));
    return banEntry(chat, item, () => void lift(`/bans/${id}`));
  }
}

/** What of the current room the reader may see as its moderator. @param {import("/js/models/chat.js").Chat} chat */
export function mayLook(chat) {
  const { room, feed } = chat;
  const isOwn = room?.kind === "group" || room?.kind === "lobby";
  const isModerator = room?.kind !== "private" && ["moderator", "owner"].includes(feed?.detail?.rank ?? "");
  return [isOwn && feed?.may("mute") && "mutes", isOwn && feed?.may("kick") && "bans", isModerator && "audit"].filter((tab) => typeof tab === "string");
}

customElements.define("room-admin", RoomAdmin);
