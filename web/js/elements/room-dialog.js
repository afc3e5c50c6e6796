import { LiveElement } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { ask } from "/js/elements/ask-dialog.js";
import { tell } from "/js/elements/telling.js";

/** A new room in a club, for those who manage it. */
class RoomDialog extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;

  /** @param {string} club */
  show(club) {
    const name = this.chat.clubs.get(club)?.name ?? "";
    return ask({
      title: name ? t("club.add.room", { club: name }) : t("room.make.title"),
      fields: [
        { name: "name", label: t("room.make.name"), most: 50, isNeeded: true, help: t("room.make.hint") },
        { name: "topic", label: t("room.topic"), most: 200 },
        { name: "kind", label: t("room.make.kind"), kind: "choice", options: [["member", t("room.make.member")], ["manager", t("room.make.manager")]] },
        { name: "write", label: t("room.make.write"), kind: "choice", options: [["all", t("room.make.write.all")], ["moderators", t("room.make.write.moderators")]] },
      ],
      action: t("room.make.create"),
      run: async ({ topic, ...rest }) => {
        const room = await this.api.makeRoom(club, { ...rest, topic: topic || undefined });
        await this.chat.refreshRooms();
        tell("go-to", { room: room.id });
      },
    });
  }
}

customElements.define("room-dialog", RoomDialog);
