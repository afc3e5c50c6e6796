// The list of rooms, what each is like, who is there, who types, devices: what is known beside the messages.
import assert from "node:assert/strict";
import { beforeEach, afterEach, describe, it, mock } from "node:test";
import { Blocks } from "../../web/js/models/blocks.js";
import { deviceName } from "../../web/js/models/device-name.js";
import { Folds } from "../../web/js/models/folds.js";
import { Gone } from "../../web/js/models/gone.js";
import { Office } from "../../web/js/models/office.js";
import { Presence } from "../../web/js/models/presence.js";
import { RoomBook, unreadOf } from "../../web/js/models/room-book.js";
import { RoomDetail } from "../../web/js/models/room-detail.js";
import { Typing, TypingSignal } from "../../web/js/models/typing.js";

describe("room book", () => {
  const room = (more = {}) => ({ room: "r_1", name: "general", kind: "lobby", club: null, epoch: "e1", head: 10, n: 8, read_n: 5, mentions: 1, ...more });
  const book = (...rooms) => {
    const made = new RoomBook();
    made.replace(rooms);
    return made;
  };

  it("computes unread and never counts it", () => {
    const rooms = book(room());
    assert.equal(unreadOf(rooms.get("r_1")), 3);
    rooms.head({ room: "r_1", head: 14, n: 12, mentions: 2 });
    rooms.head({ room: "r_1", head: 14, n: 12, mentions: 2 });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [7, 2]);
    rooms.read({ room: "r_1", read_n: 12, mentions: 0 });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [0, 0]);
  });

  it("does not go back when news come late, but where the reader puts the mark back", () => {
    const rooms = book(room());
    rooms.read({ room: "r_1", read_n: 8, mentions: 0 });
    rooms.head({ room: "r_1", head: 9, n: 7, mentions: 0 });
    assert.equal(unreadOf(rooms.get("r_1")), 0);
    rooms.read({ room: "r_1", read_n: 6, mentions: 1 });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [2, 1]);
  });

  it("hides a room until its next message, and hears what changed of it", () => {
    const rooms = book(room({ kind: "private", peer: "u_2", hidden: true }));
    assert.deepEqual(rooms.list, []);
    rooms.head({ room: "r_1", head: 11, n: 8 });
    assert.equal(rooms.list.length, 0);
    rooms.head({ room: "r_1", head: 12, n: 9 });
    assert.equal(rooms.list.length, 1);
    rooms.update("r_1", { name: "plans", notify: "none" });
    assert.deepEqual([rooms.get("r_1").name, rooms.get("r_1").notify, rooms.get("r_1").peer], ["plans", "none", "u_2"]);
  });

  it("counts as read what the room has forgotten", () => {
    const rooms = book(room());
    rooms.update("r_1", { horizon: 7, horizon_n: 6 });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [2, 1]);
    rooms.update("r_1", { horizon: 4, horizon_n: 3 });
    assert.equal(unreadOf(rooms.get("r_1")), 2);
    rooms.update("r_1", { horizon: 20, horizon_n: 9 });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [0, 0]);
  });

  it("takes an own message as read, and a line without n as nothing", () => {
    const rooms = book(room({ read_n: 8, mentions: 0 }));
    rooms.event({ room: "r_1", seq: 11 }, { mine: false, mentionsMe: false });
    assert.equal(unreadOf(rooms.get("r_1")), 0);
    rooms.event({ room: "r_1", seq: 12, n: 9 }, { mine: false, mentionsMe: true });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [1, 1]);
    rooms.event({ room: "r_1", seq: 12, n: 9 }, { mine: false, mentionsMe: true });
    assert.equal(rooms.get("r_1").mentions, 1);
    rooms.event({ room: "r_1", seq: 13, n: 10 }, { mine: true, mentionsMe: false });
    assert.deepEqual([unreadOf(rooms.get("r_1")), rooms.get("r_1").mentions], [0, 0]);
  });

  it("lists the lobby first, then clubs with general leading", () => {
    const rooms = book(
      room({ room: "r_4", name: "art", club: "c_1" }), room({ room: "r_3", name: "general", club: "c_1" }),
      room({ room: "r_2", name: "week", club: "c_2" }), room(),
    );
    assert.deepEqual(rooms.list.map(({ room: id }) => id), ["r_1", "r_3", "r_4", "r_2"]);
    assert.deepEqual(rooms.clubs, ["c_1", "c_2"]);
  });

  it("reads an item of the HTTP list as well", () => {
    const rooms = book();
    rooms.add({ id: "r_9", name: "x", kind: "member", club_id: "c_3", head: 1, n: 1, read_n: 0, mentions: 0 });
    assert.deepEqual([rooms.get("r_9").club, unreadOf(rooms.get("r_9"))], ["c_3", 1]);
  });
});

describe("what a room is like", () => {
  const ROOM = { name: "general", topic: "", write: "all", slow_mode_s: 0, history: "all", listed: false, host_id: null, retention_days: null, horizon: 0, assistant: "mention" };
  const RULES = { rank: "member", permissions: { send: "member" }, may: ["send", "react"], own: [] };
  /** A room whose answers are given one by one. */
  const detail = async () => {
    const asked = [];
    let told = 0;
    const about = new RoomDetail((path) => new Promise((done) => asked.push({ path, done })), () => (told += 1));
    const answer = async (room = {}, rules = {}) => {
      for (const { path, done } of asked.splice(0, 2)) done(path ? { ...RULES, ...rules } : { ...ROOM, ...room });
      await new Promise((later) => setImmediate(later));
    };
    about.load();
    await answer();
    return { about, asked, answer, told: () => told };
  };

  it("shows at once what an event says, and asks for nothing more", async () => {
    const { about, asked, told } = await detail();
    about.take({ name: "plans", topic: "trips", slow_mode_s: 30, listed: true, history: "since_join", assistant: "off" });
    about.take({ retention_days: 30 });
    about.take({ horizon: 12, horizon_n: 9 });
    const { name, topic, slow_mode_s, listed, history, assistant, retention_days, horizon } = about.now;
    assert.deepEqual([name, topic, slow_mode_s, listed, history, assistant, retention_days, horizon], ["plans", "trips", 30, true, "since_join", "off", 30, 12]);
    about.take({ retention_days: 0 });
    assert.deepEqual([about.now.retention_days, told(), asked.length], [null, 5, 0]);
  });

  it("knows that one is muted, for what that matters, and that it is over", async () => {
    const { about, asked } = await detail();
    const until = Date.now() + 60_000;
    about.take({ muted_until: until, mute_reason: "loud" });
    assert.deepEqual([about.mute, about.may("send"), about.may("react")], [{ until, reason: "loud" }, false, true]);
    about.take({ muted_until: 0 });
    assert.deepEqual([about.mute, about.may("send")], [null, true]);
    about.take({ muted_until: Date.now() - 1, mute_reason: "" });
    assert.deepEqual([about.mute, about.may("send"), asked.length], [null, true, 0]);
  });

  it("knows that a private room is shut, for what that matters, and that it is open again", async () => {
    const { about, asked, answer } = await detail();
    const all = ["send", "attach", "react", "pin", "configure"];
    about.load();
    await answer({}, { may: all });
    const may = () => all.filter((name) => about.may(name));
    about.take({ blocked: true });
    assert.deepEqual([may(), about.now.blocked, asked.length], [["configure"], true, 2]);
    await answer({ blocked: true }, { may: ["configure"] });
    about.take({ blocked: false });
    await answer({ blocked: false }, { may: all });
    assert.deepEqual([may(), about.now.blocked, asked.length], [all, false, 0]);
  });

  it("knows at once who may write, and asks what else that means", async () => {
    const { about, asked, answer } = await detail();
    about.take({ write: "moderators" });
    assert.deepEqual([about.may("send"), about.may("react"), asked.length], [false, true, 2]);
    await answer({ write: "moderators" }, { may: ["react"] });
    about.take({ write: "all" });
    assert.equal(about.may("send"), true);
    await answer({}, { rank: "moderator", may: ["send", "react", "configure"] });
    about.take({ write: "moderators" });
    assert.equal(about.may("send"), true);
  });

  it("asks when an event only says that something changed, or something that it does not know", async () => {
    const { about, asked, answer } = await detail();
    about.take({});
    assert.equal(asked.length, 2);
    await answer({ persona: "a pirate" });
    assert.equal(about.now.persona, "a pirate");
    about.take({ host: "u_2" });
    assert.deepEqual([about.now.host_id, asked.length], ["u_2", 2]);
    await answer({ host_id: "u_2" });
    about.take({ something_new: 1 });
    assert.equal(asked.length, 2);
  });

  it("does not go back to an answer from before the event", async () => {
    const { about, asked, answer } = await detail();
    about.load();
    about.take({ topic: "new" });
    assert.equal(asked.length, 4);
    await answer({ topic: "old" });
    assert.equal(about.now.topic, "new");
    await answer({ topic: "new" });
    assert.equal(about.now.topic, "new");
  });
});

describe("names of devices", () => {
  it("are what people call them", () => {
    const mozilla = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
    const wanted = [
      [`${mozilla} Chrome/131.0.0.0 Safari/537.36`, "Chrome · Linux"],
      [`${mozilla} HeadlessChrome/131.0.0.0 Safari/537.36`, "Chrome · Linux"],
      [`${mozilla} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0`, "Edge · Linux"],
      ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1", "Safari · iPhone"],
      ["Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox · Windows"],
      ["Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", "Samsung Internet · Android"],
      ["curl/8.5.0", "curl"], ["my-bot", "my-bot"], ["unknown", ""], ["", ""],
    ];
    for (const [agent, name] of wanted) assert.equal(deviceName(agent), name, agent);
  });
});

describe("presence and typing", () => {
  it("follows state and differences", () => {
    const presence = new Presence();
    presence.set({ online: ["u_1", "u_2"], count: 2 });
    presence.change({ joins: ["u_3"], leaves: ["u_1"], count: 2 });
    assert.deepEqual([[...presence.online], presence.count], [["u_2", "u_3"], 2]);
    presence.change({ count: 230 });
    assert.deepEqual([presence.online, presence.count, presence.has("u_2")], [null, 230, false]);
  });

  it("keeps who was there when the line is lost, as what was known last", () => {
    const presence = new Presence();
    presence.set({ online: ["u_1", "u_2"], count: 2, states: { u_2: { state: "dnd" } } });
    presence.lost();
    assert.deepEqual([presence.isStale, presence.count, presence.has("u_1"), presence.state("u_2").state], [true, 2, true, "dnd"]);
    presence.set({ online: ["u_1"], count: 1 });
    assert.deepEqual([presence.isStale, presence.has("u_2")], [false, false]);
  });

  it("knows who is away, and forgets it when they go", () => {
    const presence = new Presence();
    presence.set({ online: ["u_1", "u_2"], count: 2, states: { u_2: { state: "away", text: "lunch" } } });
    assert.deepEqual(presence.state("u_2"), { state: "away", text: "lunch" });
    presence.change({ count: 2, states: { u_1: { state: "dnd" }, u_2: { state: "online" } } });
    assert.deepEqual([presence.state("u_1").state, presence.state("u_2").state, presence.count], ["dnd", "online", 2]);
    presence.change({ leaves: ["u_1"], count: 1 });
    presence.change({ joins: ["u_1"], count: 2 });
    assert.equal(presence.state("u_1").state, "online");
  });

  it("shows typing for six seconds or until the message", () => {
    const typing = new Typing();
    typing.mark("u_2", 0);
    typing.mark("u_3", 1000);
    assert.deepEqual([typing.active(5999), typing.nextEnd(0)], [["u_2", "u_3"], 6000]);
    assert.deepEqual(typing.active(6000), ["u_3"]);
    typing.clear("u_3");
    assert.deepEqual([typing.active(6000), typing.nextEnd(6000)], [[], null]);
  });

  it("signals own typing at most once in three seconds", () => {
    const signal = new TypingSignal();
    assert.deepEqual([0, 1000, 2999, 3000, 3500].map((now) => signal.due(now)), [true, false, false, true, false]);
    signal.rest();
    assert.equal(signal.due(3600), true);
  });
});

describe("a room that is lost", () => {
  const LOST = { room: "r_1", name: "friends", why: "kicked", club: null, clubName: "" };

  it("says until when one is banned and why, if that is why, and nothing once one looks elsewhere", async () => {
    let answer;
    const gone = new Gone({ ofRoom: () => new Promise((_, refuse) => (answer = refuse)) }, () => {});
    const shown = gone.show(LOST);
    assert.deepEqual(gone.now, { ...LOST, until: null, reason: "" });
    answer({ code: "banned", until: 70, banReason: "spam" });
    await shown;
    assert.deepEqual([gone.now.why, gone.now.until, gone.now.reason], ["banned", 70, "spam"]);
    const next = gone.show(LOST);
    gone.clear();
    answer({ code: "banned", until: 90 });
    await next;
    assert.equal(gone.now, null);
  });
});

describe("whom the reader has blocked", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());
  const [jun, sora] = ["jun", "sora"].map((name) => ({ user: { id: `u_${name}`, username: name }, at: 1 }));
  const later = () => new Promise((wake) => setImmediate(wake));
  const scene = () => {
    const asked = [];
    let told = 0;
    const api = { blocks: (limit, cursor) => new Promise((ok, fail) => asked.push({ cursor, ok, fail })), block: async () => {} };
    const blocks = new Blocks(api);
    blocks.addEventListener("change", () => (told += 1));
    return { blocks, asked, told: () => told, names: () => blocks.list.map(({ user }) => user.username) };
  };

  it("asks when somebody looks, once, page by page, and again when the line was lost", async () => {
    const { blocks, asked, told } = scene();
    assert.deepEqual([blocks.has("u_jun"), blocks.has("u_sora"), asked.length], [false, false, 1]);
    asked[0].ok({ items: [jun], next: "more" });
    await later();
    assert.equal(asked[1].cursor, "more");
    asked[1].ok({ items: [sora], next: null });
    await later();
    assert.deepEqual([blocks.has("u_jun"), blocks.has("u_sora"), blocks.has(null), told(), asked.length], [true, true, false, 1, 2]);
    blocks.doubt();
    assert.deepEqual([blocks.has("u_jun"), asked.length], [true, 3]);
    asked[2].fail(new Error("offline"));
    await later();
    assert.deepEqual([blocks.has("u_jun"), told(), asked.length], [true, 1, 4]);
  });

  it("does not take an answer from before what the reader did", async () => {
    const { blocks, asked, names } = scene();
    blocks.load();
    await blocks.set(jun.user, true);
    assert.deepEqual([names(), asked.length], [["jun"], 2]);
    asked[1].ok({ items: [jun, sora], next: null });
    await later();
    asked[0].ok({ items: [sora], next: null });
    await later();
    assert.deepEqual(names(), ["jun", "sora"]);
    await blocks.set(jun.user, false);
    assert.deepEqual([names(), asked.length], [["sora"], 2]);
  });

  it("asks again when a private room says that somebody is blocked, if it was ever asked", async () => {
    const { blocks, asked } = scene();
    blocks.again();
    assert.equal(asked.length, 0);
    blocks.has(null);
    blocks.again();
    assert.equal(asked.length, 2);
  });

  it("is settled when it is known, or cannot be", async () => {
    for (const end of ["ok", "fail"]) {
      const { blocks, asked, told } = scene();
      blocks.has(null);
      assert.deepEqual([blocks.isSettled, told()], [false, 0]);
      asked[0][end]({ items: [jun], next: null });
      await later();
      assert.deepEqual([blocks.isSettled, told()], [true, 1], end);
    }
    const { blocks, told } = scene();
    blocks.has(null);
    mock.timers.tick(5_000);
    assert.deepEqual([blocks.isSettled, told()], [true, 1], "nobody answers");
  });

  it("folds what they said until the reader asks for it, and once more when they are blocked once more", async () => {
    const { blocks, asked } = scene();
    const folds = new Folds(blocks);
    let told = 0;
    folds.addEventListener("change", () => (told += 1));
    const said = { id: "m_1_5", by: "u_jun" };
    assert.deepEqual([folds.hides(said), folds.isReady], [false, false]);
    asked[0].ok({ items: [jun], next: null });
    await later();
    assert.deepEqual([folds.hides(said), folds.isReady, told], [true, true, 1]);
    assert.deepEqual([folds.hides({ ...said, deleted: true }), folds.hides(null), folds.hides({ id: "m_1_6", by: null })], [false, false, false]);
    assert.equal(folds.wasHidden(said), false);
    folds.show(said);
    assert.deepEqual([folds.hides(said), folds.wasHidden(said), folds.hides({ ...said, id: "m_1_6" }), told], [false, true, true, 2]);
    folds.fold(said);
    assert.deepEqual([folds.hides(said), told], [true, 3]);
    folds.show(said);
    await blocks.set(jun.user, false);
    assert.deepEqual([folds.hides(said), folds.wasHidden(said)], [false, false]);
    await blocks.set(jun.user, true);
    assert.deepEqual([folds.hides(said), told], [true, 6]);
  });
});

describe("the office of an admin", () => {
  it("asks for reports when one is an admin, and knows who one is from the first answer on", async () => {
    const asked = [];
    let role = null;
    const get = async (path) => {
      asked.push(path);
      if (path !== "/me") return { items: [{}, {}], next: "more" };
      if (!role) throw new Error("offline");
      return { role };
    };
    const office = new Office({ get });
    await office.ready();
    role = "admin";
    await office.ready();
    await office.ready();
    const reports = "/admin/reports?status=open&limit=100";
    assert.deepEqual(asked, ["/me", "/me", reports, reports]);
    assert.deepEqual([office.isAdmin, office.open, office.hasMore], [true, 2, true]);
    const other = new Office({ get: async () => ({ role: "user" }) });
    await other.ready();
    assert.deepEqual([other.isAdmin, other.open], [false, 0]);
  });
});
