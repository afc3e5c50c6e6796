// The list of rooms, who is there, who types: what is known beside the messages.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Presence } from "../../web/js/models/presence.js";
import { RoomBook, unreadOf } from "../../web/js/models/room-book.js";
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

describe("presence and typing", () => {
  it("follows state and differences", () => {
    const presence = new Presence();
    presence.set({ online: ["u_1", "u_2"], count: 2 });
    presence.change({ joins: ["u_3"], leaves: ["u_1"], count: 2 });
    assert.deepEqual([[...presence.online], presence.count], [["u_2", "u_3"], 2]);
    presence.change({ count: 230 });
    assert.deepEqual([presence.online, presence.count, presence.has("u_2")], [null, 230, false]);
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
