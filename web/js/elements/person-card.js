import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { moment, t } from "/js/i18n.js";
import { ask, confirm } from "/js/elements/ask-dialog.js";
import { tell } from "/js/elements/telling.js";
import { openMenu, placeNear } from "/js/elements/pop-menu.js";
import { talkTo } from "/js/elements/room-menu.js";
import { toast } from "/js/elements/toast-stack.js";

const MINUTE = 60;
const SPANS = { hour: 3600, day: 86_400, week: 604_800, month: 2_592_000 };
const RANKS = ["member", "manager", "owner"];

/** Somebody, beside where one pressed: who they are, a way to talk, and what moderators may do. There is one of them. */
class PersonCard extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** @type {{user: string, anchor: HTMLElement, role: string | null} | null} */ #about = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("person-card"));
    this.popover = "auto";
    this.setAttribute("role", "dialog");
    this.on(document, "show-person", ({ detail }) => this.#show(detail));
    this.on(this.chat, "people presence", () => this.matches(":popover-open") && this.#render());
    this.on(part(this, "talk"), "click", () => this.#away(() => talkTo(this.chat, this.api, this.#user)));
    this.on(part(this, "find"), "click", () => this.#away(() => this.#find()));
    this.on(part(this, "manage"), "click", () => this.#manage());
    this.on(part(this, "status"), "click", () => this.#away(() => tell("set-status", null)));
  }

  get #user() {
    return this.#about?.user ?? "";
  }

  get #name() {
    return this.chat.people.name(this.#user) || t("someone");
  }

  /* Actions */

  /** @param {any} about */
  #show(about) {
    this.#about = { role: null, ...about };
    this.#render();
    this.showPopover();
    placeNear(this, about.anchor.getBoundingClientRect());
    part(this, "talk").focus({ preventScroll: true });
  }

  /** @param {() => void} work */
  #away(work) {
    this.hidePopover();
    work();
  }

  #find() {
    tell("open-panel", { name: "search", query: "", from: `@${this.chat.people.get(this.#user)?.username ?? ""}` });
  }

  /** What the reader may do to them here. */
  #manage() {
    const { room, clubs } = this.chat;
    const club = room?.club ?? null;
    const isOwner = this.chat.roleIn(club) === "owner";
    const { role } = this.#about ?? { role: null };
    /** @param {string} key @param {() => void} run @param {"bad"} [tone] */
    const item = (key, run, tone) => ({ text: t(key), run: () => this.#away(run), tone });
    if (room?.kind === "group") return openMenu(part(this, "manage"), [item("person.out", () => this.#putOut(room), "bad")]);
    const name = club ? (clubs.get(club)?.name ?? "") : "";
    openMenu(part(this, "manage"), [
      isOwner && role !== "manager" && item("person.manager", () => this.#role("manager")),
      isOwner && role !== "member" && item("person.member", () => this.#role("member")),
      isOwner && item("person.owner", () => this.#handOver(name), "bad"),
      "line",
      item("person.mute", () => this.#mute()),
      item("person.unmute", () => this.#club("DELETE", "/mute", undefined, "person.unmuted")),
      item("person.kick", () => this.#kick(name), "bad"),
      item("person.ban", () => this.#ban(name), "bad"),
    ]);
  }

  /** @param {string} method @param {string} path @param {any} body @param {string} done */
  async #club(method, path, body, done) {
    const club = encodeURIComponent(this.chat.room?.club ?? "");
    const user = this.#user;
    const told = await this.api.send(method, `/clubs/${club}/members/${encodeURIComponent(user)}${path}`, body);
    toast(t(done, { name: this.#name, until: told?.muted_until ? moment(told.muted_until) : "" }));
    tell("members-changed", null);
  }

  /** @param {string} role */
  #role(role) {
    const values = { name: this.#name, role: t(`members.role.${role}`) };
    return ask({ title: t("person.role.title", values), text: t(`person.role.${role}`), action: t("save"), run: () => this.#club("PATCH", "", { role }, "person.role.done") });
  }

  /** @param {string} club */
  #handOver(club) {
    const at = `/clubs/${encodeURIComponent(this.chat.room?.club ?? "")}/owner`;
    return confirm("person.owner", { name: this.#name, club }, async () => this.chat.learnClub(await this.api.send("POST", at, { user_id: this.#user })));
  }

  /** @param {string} club */
  #kick(club) {
    return ask({
      title: t("person.kick.title", { name: this.#name, club }),
      text: t("person.kick.text"),
      fields: [reasonField()],
      action: t("person.kick"),
      tone: "bad",
      run: ({ reason }) => this.#club("POST", "/kick", { reason: reason || undefined }, "person.kicked"),
    });
  }

  #mute() {
    const spans = [["600", t("span.minutes", { count: 10 })], ...spanOptions(["hour", "day", "week"])];
    return ask({
      title: t("person.mute.title", { name: this.#name }),
      text: t("person.mute.text"),
      fields: [{ name: "seconds", label: t("person.for"), kind: "choice", value: "3600", options: /** @type {any} */ (spans) }, reasonField()],
      action: t("person.mute"),
      tone: "bad",
      run: ({ seconds, reason }) => this.#club("POST", "/mute", { seconds: Number(seconds), reason: reason || undefined }, "person.muted"),
    });
  }

  /** @param {string} club */
  #ban(club) {
    const spans = [...spanOptions(["hour", "day", "week", "month"]), ["", t("span.ever")]];
    return ask({
      title: t("person.ban.title", { name: this.#name, club }),
      text: t("person.ban.text"),
      fields: [{ name: "seconds", label: t("person.for"), kind: "choice", value: String(SPANS.week), options: /** @type {any} */ (spans) }, reasonField()],
      action: t("person.ban"),
      tone: "bad",
      run: ({ seconds, reason }) =>
        this.#club("POST", "/ban", { seconds: seconds ? Math.max(MINUTE, Number(seconds)) : undefined, reason: reason || undefined }, "person.banned"),
    });
  }

  /** @param {any} room */
  #putOut(room) {
    const at = `/rooms/${encodeURIComponent(room.room)}/members/${encodeURIComponent(this.#user)}`;
    return confirm("person.out", { name: this.#name, room: room.name }, async () => {
      await this.api.send("DELETE", at);
      tell("members-changed", null);
    });
  }

  /* Rendering */

  #render() {
    const user = this.chat.people.get(this.#user);
    const { room, feed, me } = this.chat;
    const isMe = this.#user === me?.id;
    const isGone = Boolean(user?.deleted);
    const name = this.#name;
    this.ariaLabel = name;
    paintAvatar(part(this, "avatar"), this.#user, isGone ? "·" : name);
    setText(part(this, "name"), name);
    setText(part(this, "handle"), user?.username && !isGone ? `@${user.username}` : "");
    const isHere = Boolean(feed?.presence.has(this.#user) && !feed.presence.isStale);
    const { state, text } = feed?.presence.state(this.#user) ?? { state: "online", text: "" };
    const said = text ?? /** @type {any} */ (user)?.status_text ?? "";
    setText(part(this, "said"), [isHere ? t(`state.${state}`) : "", said].filter(Boolean).join(" · "));
    part(this, "talk").hidden = isMe || isGone || room?.peer === this.#user;
    part(this, "status").hidden = !isMe;
    part(this, "find").hidden = isGone;
    setText(part(this, "find"), t(isMe ? "person.find.mine" : "person.find"));
    part(this, "manage").hidden = isMe || isGone || !this.#mayManage();
  }

  #mayManage() {
    const { room, feed } = this.chat;
    if (room?.kind === "group") return feed?.detail?.rank === "owner";
    const mine = RANKS.indexOf(this.chat.roleIn(room?.club ?? null) ?? "member");
    return mine > 0 && mine > RANKS.indexOf(this.#about?.role ?? "member");
  }
}

/** @returns {import("/js/elements/ask-dialog.js").AskField} */
function reasonField() {
  return { name: "reason", label: t("person.reason"), most: 255, help: t("person.reason.hint") };
}

/** @param {("hour" | "day" | "week" | "month")[]} names */
export function spanOptions(names) {
  return names.map((name) => [String(SPANS[name]), t(`span.${name}`)]);
}

customElements.define("person-card", PersonCard);
