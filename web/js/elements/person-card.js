import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { soon, t } from "/js/i18n.js";
import { ask, confirm } from "/js/elements/ask-dialog.js";
import { block, mayBlock, unblock } from "/js/elements/blocking.js";
import { tell, tried } from "/js/elements/telling.js";
import { openMenu, placeNear } from "/js/elements/pop-menu.js";
import { talkTo } from "/js/elements/room-menu.js";
import { toast } from "/js/elements/toast-stack.js";

/** The longest is that of a ban; a mute ends within four weeks. */
const SPANS = { short: 600, hour: 3600, day: 86_400, week: 604_800, weeks: 2_419_200, month: 2_592_000 };
/** A menu does not wait longer to know who is muted. */
const MENU_MS = 400;
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
    this.on(this.chat, "people presence detail", () => this.matches(":popover-open") && this.#render());
    this.on(this.chat.blocks, "change", () => this.matches(":popover-open") && this.#render());
    this.on(part(this, "block"), "click", () => this.#away(() => block(this.chat, this.#user)));
    this.on(part(this, "unblock"), "click", () => this.#away(() => unblock(this.chat, this.#user)));
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
    this.querySelector(/** @type {any} */ ("button:not([hidden])"))?.focus({ preventScroll: true });
  }

  /** @param {() => void} work */
  #away(work) {
    this.hidePopover();
    work();
  }

  #find() {
    tell("open-panel", { name: "search", query: "", from: `@${this.chat.people.get(this.#user)?.username ?? ""}` });
  }

  /** Where moderators act on them: in the club of the room, in which one acts for all its rooms, or in the room. */
  get #place() {
    const { room, clubs } = this.chat;
    const isClub = Boolean(room?.club);
    const at = isClub ? `/clubs/${encodeURIComponent(room?.club ?? "")}` : `/rooms/${encodeURIComponent(room?.room ?? "")}`;
    const name = (isClub ? clubs.get(room?.club ?? "")?.name : room?.name) ?? "";
    return { isClub, at, name, kind: isClub ? "club" : (room?.kind ?? "") };
  }

  /** What the reader may do to them here. */
  async #manage() {
    const { feed } = this.chat;
    const { isClub, at, name, kind } = this.#place;
    const isOwner = isClub && this.chat.roleIn(this.chat.room?.club ?? null) === "owner";
    const { role } = this.#about ?? { role: null };
    const mayMute = isClub || feed?.may("mute");
    const mayKick = isClub || feed?.may("kick");
    const isMuted = mayMute ? await this.#isMuted(at) : false;
    if (!this.matches(":popover-open")) return;
    /** @param {string} key @param {() => void} run @param {"bad"} [tone] */
    const item = (key, run, tone) => ({ text: t(key), run: () => this.#away(run), tone });
    openMenu(part(this, "manage"), [
      isOwner && role !== "manager" && item("person.manager", () => this.#role("manager")),
      isOwner && role !== "member" && item("person.member", () => this.#role("member")),
      isOwner && item("person.owner", () => this.#handOver(name), "bad"),
      "line",
      mayMute && item(isMuted ? "person.mute.change" : "person.mute", () => this.#mute()),
      mayMute && isMuted && item("person.unmute", () => tried(this.#act("DELETE", "/mute", undefined, "person.unmuted"))),
      mayKick && item(`person.kick.${kind}`, () => this.#kick(), "bad"),
      mayKick && item(`person.ban.${kind}`, () => this.#ban(), "bad"),
    ]);
  }

  /** Whether they may not write here now, as far as it is told in time. @param {string} at @returns {Promise<boolean>} */
  async #isMuted(at) {
    const user = this.#user;
    const listed = this.api.get(`${at}/mutes?limit=200`).then(
      (/** @type {any} */ { items }) => items.some((/** @type {any} */ mute) => mute.user.id === user),
      () => false,
    );
    return Promise.race([listed, new Promise((late) => setTimeout(() => late(false), MENU_MS))]);
  }

  /** @param {string} method @param {string} path @param {any} body @param {string} done */
  async #act(method, path, body, done) {
    const user = this.#user;
    const told = await this.api.send(method, `${this.#place.at}/members/${encodeURIComponent(user)}${path}`, body);
    toast(t(done, { name: this.#name, until: told?.muted_until ? soon(told.muted_until) : "" }));
    tell("members-changed", null);
  }

  /** @param {string} role */
  #role(role) {
    const values = { name: this.#name, role: t(`members.role.${role}`) };
    return ask({ title: t("person.role.title", values), text: t(`person.role.${role}`), action: t("save"), run: () => this.#act("PATCH", "", { role }, "person.role.done") });
  }

  /** @param {string} club */
  #handOver(club) {
    const at = `/clubs/${encodeURIComponent(this.chat.room?.club ?? "")}/owner`;
    return confirm("person.owner", { name: this.#name, club }, async () => this.chat.learnClub(await this.api.send("POST", at, { user_id: this.#user })));
  }

  #kick() {
    const { isClub, name, kind } = this.#place;
    const asked = {
      title: t("person.kick.title", { name: this.#name, club: name }),
      text: t(`person.kick.text.${kind}`),
      action: t(`person.kick.${kind}`),
      tone: /** @type {const} */ ("bad"),
    };
    if (!isClub) return ask({ ...asked, run: () => this.#act("DELETE", "", undefined, "person.kicked") });
    return ask({ ...asked, fields: [reasonField("person.reason.hint")], run: ({ reason }) => this.#act("POST", "/kick", { reason: reason || undefined }, "person.kicked") });
  }

  #mute() {
    return ask({
      title: t("person.mute.title", { name: this.#name }),
      text: t(this.#place.isClub ? "person.mute.text" : "person.mute.text.room"),
      fields: [
        { name: "seconds", label: t("person.for"), kind: "choice", value: "3600", options: spanOptions(["short", "hour", "day", "week", "weeks"]) },
        reasonField("person.reason.hint"),
      ],
      action: t("person.mute"),
      tone: "bad",
      run: ({ seconds, reason }) => this.#act("POST", "/mute", { seconds: Number(seconds), reason: reason || undefined }, "person.muted"),
    });
  }

  #ban() {
    const { isClub, name, kind } = this.#place;
    return ask({
      title: t("person.ban.title", { name: this.#name, club: name }),
      text: t(isClub ? "person.ban.text" : "person.ban.text.room"),
      fields: [
        { name: "seconds", label: t("person.for"), kind: "choice", value: String(SPANS.week), options: [...spanOptions(["hour", "day", "week", "month"]), ["", t("span.ever")]] },
        reasonField("person.reason.hint"),
      ],
      action: t(`person.ban.${kind}`),
      tone: "bad",
      run: ({ seconds, reason }) => this.#act("POST", "/ban", { seconds: seconds ? Number(seconds) : undefined, reason: reason || undefined }, "person.banned"),
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
    part(this, "bot").hidden = !this.chat.people.isBot(this.#user);
    setText(part(this, "handle"), user?.username && !isGone ? `@${user.username}` : "");
    const isHere = Boolean(feed?.presence.has(this.#user) && !feed.presence.isStale);
    const { state, text } = feed?.presence.state(this.#user) ?? { state: "online", text: "" };
    const said = text ?? /** @type {any} */ (user)?.status_text ?? "";
    const isBlocked = this.chat.blocks.has(this.#user);
    setText(part(this, "said"), [isHere ? t(`state.${state}`) : "", said].filter(Boolean).join(" · "));
    part(this, "blocked").hidden = !isBlocked;
    part(this, "block").hidden = isBlocked || !mayBlock(this.chat, this.#user);
    part(this, "unblock").hidden = !isBlocked;
    // Where they have talked there is something to read.
    const mayTalk = !isBlocked || Boolean(this.chat.book.withPeer(this.#user));
    part(this, "talk").hidden = isMe || isGone || room?.peer === this.#user || !mayTalk;
    part(this, "status").hidden = !isMe;
    part(this, "find").hidden = isGone;
    setText(part(this, "find"), t(isMe ? "person.find.mine" : "person.find"));
    part(this, "manage").hidden = isMe || isGone || !this.#mayManage();
  }

  #mayManage() {
    const { room, feed } = this.chat;
    // The server knows best who is whose equal.
    if (room?.kind === "group" || room?.kind === "lobby") return feed?.detail?.host_id !== this.#user && (feed?.may("mute") || feed?.may("kick"));
    const mine = RANKS.indexOf(this.chat.roleIn(room?.club ?? null) ?? "member");
    return mine > 0 && mine > RANKS.indexOf(this.#about?.role ?? "member");
  }
}

/** @param {string} hint key @returns {import("/js/elements/ask-dialog.js").AskField} */
function reasonField(hint) {
  return { name: "reason", label: t("person.reason"), most: 255, help: t(hint) };
}

/** @param {(keyof typeof SPANS)[]} names @returns {[string, string][]} */
export function spanOptions(names) {
  return names.map((name) => [String(SPANS[name]), t(`span.${name}`)]);
}

customElements.define("person-card", PersonCard);
