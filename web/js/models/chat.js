/**
 * Everything behind the screen of a signed-in user: rooms, open feeds, people, clubs. Elements
 * listen to it and call its actions; it knows no element.
 *
 * Events: `rooms`, `selected`, `timeline`, `presence`, `typing`, `threads`, `pins`, `detail` (detail:
 * the room), `people`, `status`, `answer` (detail: why a question waits or gets none), `problem` (detail: the problem), `removed` (detail: what is lost, and why).
 */
import { Ev, Op } from "../protocol.js";
import { Acts } from "./acts.js";
import { Blocks } from "./blocks.js";
import { ClubBook } from "./club-book.js";
import { Feed } from "./feed.js";
import { Folds } from "./folds.js";
import { FileKeys } from "./file-keys.js";
import { Gone } from "./gone.js";
import { Inbox } from "./inbox.js";
import { newCid } from "./new-cid.js";
import { Office } from "./office.js";
import { People } from "./people.js";
import { RoomBook, unreadOf } from "./room-book.js";
import { TypingSignal } from "./typing.js";
import { UnsentStore } from "./unsent.js";
import { Uploads } from "./uploads.js";

const OPEN_FEEDS = 8;
const READ_EACH_MS = 300;

export class Chat extends EventTarget {
  #api;
  #socket;
  #storage;
  /** @type {Map<string, Feed>} the most recently used last */ #feeds = new Map();
  /** @type {UnsentStore | null} */ #unsent = null;
  #signal = new TypingSignal();
  /** @type {any} */ #readTimer;
  #readLast = 0;
  /** @type {any} */ #typingTimer;
  /** @type {Map<string, number>} */ #readAsked = new Map();

  /** @type {import("./people.js").User | null} */ me = null;
  book = new RoomBook();
  people;
  /** Keys for addresses of files. */ keys;
  /** Files on their way in. */ uploads;
  acts;
  inbox;
  office;
  gone;
  blocks;
  folds;
  clubs;
  /** @type {string | null} */ current = null;
  /** The user that is the assistant, once that is known. @type {string | null} */ assistant = null;
  /** Whether there is an assistant on this server. */
  hasAssistant = false;
  /** Whether a model is connected; without one the assistant only quotes. */
  hasModel = false;
  /** Whether the end of the current room is in view of somebody. */
  isAttentive = false;

  /** @param {{api: any, socket: any, storage: Storage}} parts */
  constructor({ api, socket, storage }) {
    super();
    this.#api = api;
    this.#socket = socket;
    this.#storage = storage;
    this.people = new People((ids) => api.users(ids));
    this.keys = new FileKeys((ids) => api.fileKeys(ids));
    this.uploads = new Uploads((room, file) => api.upload(room, file));
    this.acts = new Acts((op, fields, done) => socket.ask(op, fields, done));
    this.inbox = new Inbox(api);
    this.office = new Office(api);
    this.blocks = new Blocks(api);
    this.folds = new Folds(this.blocks);
    this.clubs = new ClubBook((id) => api.club(id), () => this.#emit("rooms"));
    this.gone = new Gone(api, () => this.#emit("selected", this.current));
    this.people.addEventListener("change", () => this.#emit("people"));
    socket.positions = () => this.#positions();
    socket.addEventListener("ready", (/** @type {any} */ { detail }) => this.#ready(detail));
    socket.addEventListener("event", (/** @type {any} */ { detail }) => this.#event(detail));
    socket.addEventListener("status", () => this.#status());
  }

  get status() {
    return this.#socket.status;
  }

  get socket() {
    return this.#socket;
  }

  get room() {
    return this.current ? this.book.get(this.current) : null;
  }

  get feed() {
    return this.current ? (this.#feeds.get(this.current) ?? null) : null;
  }

  /** Whether the reader may make rooms in a club. @param {string | null} club */
  mayManage(club) {
    return ["owner", "manager"].includes(this.roleIn(club) ?? "");
  }

  /** How somebody is, if one of the open rooms tells that they are here. @param {string} user @returns {string | null} */
  isHere(user) {
    const feed = [...this.#feeds.values()].find(({ presence }) => presence.has(user) && !presence.isStale);
    return feed ? feed.presence.state(user).state : null;
  }

  /** What the reader is in a club. @param {string | null} club @returns {string | null} */
  roleIn(club) {
    return this.clubs.roleIn(club);
  }

  /* Actions */

  start() {
    this.#socket.start();
  }

  stop() {
    clearTimeout(this.#readTimer);
    clearTimeout(this.#typingTimer);
    this.#socket.stop();
  }

  /** @param {string | null} room */
  select(room) {
    const known = room === null ? null : this.book.get(room);
    if (this.feed) Object.assign(this.feed, { past: null, isHeld: false });
    this.current = known ? known.room : null;
    this.gone.clear();
    this.#signal.rest();
    if (known) {
      const feed = this.#use(known.room);
      feed.info.load().catch(() => {});
      if (!feed.threads.isLoaded) feed.threads.load().catch(() => {});
      feed.newAfter = unreadOf(known) > 0 ? known.read_n : null;
      if (!feed.isOpen && this.status === "online") feed.open();
    }
    this.#emit("selected", this.current);
  }

  /** What was uploaded for this room goes along. @param {string} text @param {{reply_to?: string | null, thread?: string | null}} [where] */
  send(text, { reply_to = null, thread = null } = {}) {
    this.#signal.rest();
    const files = thread ? [] : this.uploads.take(this.current);
    this.feed?.send({ cid: newCid(), text: text.normalize("NFC"), at: Date.now(), reply_to, thread, files });
  }

  /** @param {"older" | "newer"} where */
  more(where) {
    if (this.status !== "online") return;
    this.feed?.more(where)?.catch((problem) => this.#emit("problem", problem));
  }

  /** What has this seq and all behind it is unread from now on. @param {number} seq @param {string | null} [room] an open one */
  async markUnread(seq, room = this.current) {
    const feed = this.#feeds.get(room ?? "");
    if (!room || !feed) return;
    feed.isHeld = true;
    this.#readAsked.delete(room);
    this.#readTold({ room, ...(await this.acts.unread(room, seq)) });
    feed.newAfter = this.book.get(room)?.read_n ?? null;
    this.#emit("timeline", room);
  }

  /** Tells how far the open thread was read. */
  async readThread() {
    const { feed } = this;
    const seq = feed?.thread?.said.newestSeq;
    if (!feed?.thread || !seq || feed.threads.unreadOf(feed.thread.root) === 0) return;
    const { root } = feed.thread;
    feed.threadRead({ thread: root, ...(await this.#api.readThread(feed.room, root, seq)) });
  }

  /** A key was pressed in the composer. */
  typed() {
    if (this.current && this.#signal.due(Date.now())) this.#socket.tell(Op.Typing, { room: this.current });
  }

  /** The end of the current room is, or is no more, really in view. @param {boolean} isInView */
  attend(isInView) {
    this.isAttentive = isInView;
    clearTimeout(this.#readTimer);
    const wait = this.#readLast + READ_EACH_MS - Date.now();
    if (!isInView) return;
    if (wait <= 0) this.#read();
    else this.#readTimer = setTimeout(() => this.#read(), wait);
  }

  /** Asks for the room list again: after joining or making a club. */
  async refreshRooms() {
    const { items } = await this.#api.rooms();
    for (const room of items) this.book.add(room);
    this.clubs.want(this.book.clubs);
    this.#emit("rooms");
  }

  /** @param {any} room as a call answered it */
  learnRoom(room) {
    this.book.add(room);
    this.#emit("rooms");
  }

  /** @param {any} club as a call answered it */
  learnClub(club) {
    this.clubs.learn(club);
  }

  /** The reader has changed what others see of them. @param {import("./people.js").User} user */
  learnMe(user) {
    this.me = user;
    this.people.learn([user]);
    for (const what of ["people", "rooms"]) this.#emit(what);
  }

  /* Socket */

  /** @param {any} ok */
  #ready(ok) {
    if (!this.me) this.#api.assistant().then((/** @type {any} */ about) => (Object.assign(this, about), this.#emit("rooms"), this.#emit("detail", this.current)));
    this.me = ok.user;
    this.people.learn([ok.user]);
    this.book.replace(ok.rooms);
    this.inbox.ready(ok.inbox ?? {});
    this.office.ready();
    this.blocks.doubt();
    this.#restoreUnsent();
    this.uploads.again(({ problem }) => problem?.code === "offline");
    for (const room of [...this.#feeds.keys()]) if (!this.book.get(room)) this.#removed({ room, why: "away" });
    this.feed?.open();
    // What changed of the room meanwhile stands in no log.
    this.feed?.info.load().catch(() => {});
    for (const [room, feed] of this.#feeds) if (room !== this.current) feed.open();
    this.clubs.want(this.book.clubs);
    this.#emit("rooms");
  }

  #status() {
    if (this.status !== "online") for (const feed of this.#feeds.values()) feed.lost();
    this.#emit("status");
  }

  /** @param {any} event */
  #event(event) {
    switch (event.ev) {
      case Ev.RoomHead:
        this.book.head(event);
        return this.#emit("rooms");
      case Ev.RoomAdd:
        this.book.add(event.room);
        this.clubs.want(this.book.clubs);
        return this.#emit("rooms");
      case Ev.RoomRemove:
        return this.#removed(event);
      case Ev.RoomUpdate:
        if (event.d.name) this.people.doubt(this.book.get(event.room)?.peer ?? "");
        if (event.d.blocked !== undefined) this.blocks.again();
        this.book.update(event.room, event.d);
        this.#feeds.get(event.room)?.info.take(event.d);
        return this.#emit("rooms");
      case Ev.Read:
        return this.#readTold(event);
      case Ev.Inbox:
      case Ev.InboxRead:
      case Ev.InboxDrop:
        return this.inbox.take(event);
      case Ev.AiRefused:
      case Ev.AiWait:
        this.#emit("answer", event);
        return this.#feeds.get(event.room)?.take(event);
      default:
        this.#feeds.get(event.room)?.take(event);
    }
  }

  /** @param {any} event */
  #removed({ room, why }) {
    const { name = "", club = null } = this.book.get(room) ?? {};
    const lost = { room, name, why, club, clubName: this.clubs.get(club ?? "")?.name ?? "" };
    this.book.remove(room);
    this.#feeds.delete(room);
    if (club) this.clubs.delete(club);
    this.clubs.want(this.book.clubs);
    const isShown = this.current === room;
    if (isShown) this.select(null);
    if (isShown && why !== "left") this.gone.show(lost);
    if (name) this.#emit("removed", lost);
    this.#emit("rooms");
  }

  /* Feeds */

  /** @param {string} room @returns {Feed} */
  #use(room) {
    const feed = this.#feeds.get(room) ?? this.#newFeed(room);
    this.#feeds.delete(room);
    this.#feeds.set(room, feed);
    for (const [id, old] of this.#feeds) {
      if (this.#feeds.size <= OPEN_FEEDS) break;
      if (id === room || old.timeline.pending.length) continue;
      old.close();
      this.#feeds.delete(id);
    }
    return feed;
  }

  /** @param {string} room */
  #newFeed(room) {
    const link = {
      ask: (/** @type {any[]} */ ...args) => this.#socket.ask(...args),
      history: (/** @type {any[]} */ ...args) => this.#api.messages(...args),
      fetch: (/** @type {any[]} */ ...args) => this.#api.ofRoom(...args),
    };
    const me = /** @type {any} */ (this.me).id;
    return new Feed({ room, me, link, tell: (what, detail) => this.#told(room, what, detail) });
  }

  /** @param {string} room @param {string} what @param {any} detail */
  #told(room, what, detail) {
    if (what === "applied") return this.#applied(room, detail);
    if (what === "refused") return this.#removed({ room, why: detail.code });
    if (what === "timeline") this.#saveUnsent();
    if (what === "typing") this.#planTyping();
    this.#emit(what, room);
  }

  /** @param {string} room @param {any} event */
  #applied(room, event) {
    const { me } = this;
    const known = this.book.get(room);
    const feed = this.#feeds.get(room);
    if (!known || !me || !feed) return;
    const mine = event.d?.by === me.id;
    const isLooking = room === this.current && this.isAttentive;
    const isFirstNew = feed.newAfter === null || unreadOf(known) === 0;
    if (event.n && !mine && !isLooking && isFirstNew) feed.newAfter = known.read_n;
    const mentionsMe = event.ev === Ev.MsgNew && (Boolean(event.d.calls) || (event.d.mentions ?? []).includes(me.id));
    this.book.event({ ...event, room }, { mine, mentionsMe });
    if (event.n) this.#emit("rooms");
    if (event.ev === Ev.MemberRole && event.d.user === me.id) feed.info.load().catch(() => {});
    // Who is erased leaves, and what they wrote is deleted as if they did it.
    if (event.ev === Ev.MemberLeave || event.ev === Ev.MsgDelete) this.people.doubt(event.d.user ?? event.d.by, feed.presence.count);
  }

  /** The mark moved: here, in another window, or back. @param {any} event */
  #readTold(event) {
    this.book.read(event);
    this.#emit("rooms");
  }

  /** Tells the server how far the current room was read, once per new end. */
  #read() {
    const { room, feed } = this;
    if (!this.isAttentive || !room || !feed?.isOpen || feed.past || feed.isHeld || unreadOf(room) === 0) return;
    const seq = feed.timeline.position;
    if (this.#readAsked.get(room.room) === seq) return;
    this.#readAsked.set(room.room, seq);
    this.#readLast = Date.now();
    this.#socket.ask(Op.Read, { room: room.room, seq }, (/** @type {any} */ problem, /** @type {any} */ ok) => {
      if (problem) return void this.#readAsked.delete(room.room);
      if (!feed.isHeld) this.#readTold({ room: room.room, ...ok });
    });
  }

  #positions() {
    const open = [...this.#feeds.values()].filter((feed) => feed.isOpen);
    return Object.fromEntries(open.map(({ room, timeline }) => [room, timeline.position]));
  }

  #planTyping() {
    clearTimeout(this.#typingTimer);
    const room = this.current;
    const end = this.feed?.typing.nextEnd(Date.now());
    if (!room || !end) return;
    this.#typingTimer = setTimeout(() => this.#told(room, "typing", null), end - Date.now() + 20);
  }

  /* Unsent */

  #restoreUnsent() {
    if (this.#unsent || !this.me) return;
    this.#unsent = new UnsentStore(this.#storage, this.me.id);
    for (const { room, ...send } of this.#unsent.load()) {
      if (this.book.get(room)) this.#use(room).timeline.add(send);
    }
  }

  #saveUnsent() {
    this.#unsent?.keep(this.#feeds.values());
  }

  /** @param {string} type @param {any} [detail] */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
