/** What one can do with a room. */
import { t, tProblem } from "/js/i18n.js";
import { confirm } from "/js/elements/ask-dialog.js";
import { block, mayBlock, unblock } from "/js/elements/blocking.js";
import { showAssistant } from "/js/elements/assistant-use.js";
import { mayLook } from "/js/elements/room-admin.js";
import { tell, tried } from "/js/elements/telling.js";
import { openMenu } from "/js/elements/pop-menu.js";
import { toast } from "/js/elements/toast-stack.js";

const LEVELS = ["all", "mentions", "none"];

/** @param {import("/js/models/chat.js").Chat} chat @param {any} api @param {HTMLElement} anchor */
export async function roomMenu(chat, api, anchor) {
  const { room, feed } = chat;
  if (!room || !feed) return;
  await feed.info.fresh();
  const at = `/rooms/${encodeURIComponent(room.room)}`;
  const isPrivate = room.kind === "private";
  const isGroup = room.kind === "group";
  /** @param {string} icon @param {string} key @param {() => void} run @param {"bad"} [tone] */
  const item = (icon, key, run, tone) => ({ icon, text: t(key), run, tone });
  /** @param {string} level */
  const notify = (level) => tried(api.send("PUT", `${at}/notify`, { notify: level }).then(() => told(chat, room.room, { notify: level })));
  openMenu(anchor, [
    item("search", "panel.search", () => tell("open-panel", { name: "search" })),
    item("pin", "panel.pins", () => tell("open-panel", { name: "pins" })),
    item("thread", "panel.threads", () => tell("open-panel", { name: "threads" })),
    item("people", "panel.members", () => tell("open-panel", { name: "members" })),
    item("spark", "assist.menu", () => tried(showAssistant(chat, api))),
    "line",
    ...LEVELS.map((level) => ({ icon: level === "none" ? "bell-off" : "bell", text: t(`notify.${level}`), isOn: room.notify === level, run: () => void notify(level) })),
    "line",
    isGroup && feed.may("invite") && item("plus", "room.invite", () => tell("invite", room.room)),
    feed.may("configure") && item("gear", "room.settings", () => tell("room-settings", room.room)),
    Boolean(room.club) && chat.mayManage(room.club) && item("shield", "club.admin", () => tell("club-admin", room.club)),
    mayLook(chat).length > 0 && item(room.club ? "clock" : "shield", room.club ? "room.log" : "room.admin", () => tell("room-admin", room.room)),
    "line",
    mayBlock(chat, room.peer) && !chat.blocks.has(room.peer) && item("block", "block.do", () => block(chat, room.peer ?? ""), "bad"),
    mayBlock(chat, room.peer) && chat.blocks.has(room.peer) && item("check", "block.undo", () => unblock(chat, room.peer ?? "")),
    isPrivate && item("hide", "room.hide", () => tried(hide(chat, api, room.room))),
    (isGroup || room.kind === "lobby") && item("leave", "room.leave", () => leave(api, room), "bad"),
    Boolean(room.club) && chat.roleIn(room.club) !== "owner" && item("leave", "club.leave", () => leaveClub(chat, api, room.club ?? ""), "bad"),
  ]);
}

/** @param {import("/js/models/chat.js").Chat} chat @param {string} room @param {any} news */
function told(chat, room, news) {
  chat.book.update(room, news);
  chat.dispatchEvent(new CustomEvent("rooms"));
}

/** @param {import("/js/models/chat.js").Chat} chat @param {any} api @param {string} room */
async function hide(chat, api, room) {
  await api.send("PUT", `/rooms/${encodeURIComponent(room)}/hidden`);
  told(chat, room, { hidden: true });
  tell("go-to", { room: null });
}

/** @param {any} api @param {any} room */
function leave(api, room) {
  return confirm("room.leave", { room: room.name }, () => api.send("POST", `/rooms/${encodeURIComponent(room.room)}/leave`));
}

/** @param {import("/js/models/chat.js").Chat} chat @param {any} api @param {string} club */
function leaveClub(chat, api, club) {
  const name = chat.clubs.get(club)?.name ?? "";
  return confirm("club.leave", { club: name }, async () => {
    await api.send("POST", `/clubs/${encodeURIComponent(club)}/leave`);
    toast(t("club.left", { club: name }));
  });
}

/** Opens the private room with somebody. @param {import("/js/models/chat.js").Chat} chat @param {any} api @param {string} user */
export async function talkTo(chat, api, user) {
  try {
    const room = await api.send("POST", "/dms", { user_id: user });
    if (room.hidden) await api.send("DELETE", `/rooms/${encodeURIComponent(room.id)}/hidden`);
    chat.learnRoom({ ...room, hidden: false });
    tell("go-to", { room: room.id });
  } catch (problem) {
    // What was said there may still be read.
    const known = /** @type {any} */ (problem).reason === "blocked" ? chat.book.withPeer(user) : null;
    if (known) tell("go-to", { room: known.room });
    else toast(tProblem(problem), "bad");
  }
}
