// What events do to messages: live, replayed, or over a list that has them already, it comes out the same.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { begunName, completed, fitting } from "../../web/js/models/completion.js";
import { Inbox } from "../../web/js/models/inbox.js";
import { Lookup } from "../../web/js/models/lookup.js";
import { change, begun, grow, messageOf, regrow } from "../../web/js/models/reducer.js";
import { rowsOf } from "../../web/js/models/rows.js";
import { ThreadBook } from "../../web/js/models/threads.js";
import { Timeline } from "../../web/js/models/timeline.js";

const NOON = new Date(2026, 10, 20, 12).getTime();
const born = (seq, d = {}, n = seq) => ({ ev: "msg.new", seq, n, at: NOON + seq, d: { id: `m_${seq}`, by: "u_2", cid: `c-${seq}`, text: `text ${seq}`, reply_to: null, ...d } });
const act = (ev, seq, d) => ({ ev, seq, at: NOON + seq, d: { by: "u_2", ...d } });

/** All kinds of things that happen to a few messages. */
const LOG = [
  born(1), born(2, { by: "u_1" }), act("msg.react", 3, { id: "m_1", emoji: "👍", count: 1 }),
  act("msg.react", 4, { id: "m_1", by: "u_1", emoji: "👍", count: 2 }), act("msg.react", 5, { id: "m_1", emoji: "🎉", count: 1 }),
  act("msg.edit", 6, { id: "m_2", text: "second", rev: 2 }), act("msg.pin", 7, { id: "m_1" }),
  born(8, { thread: "m_1" }, 3), born(9, { thread: "m_1", by: "u_1" }, 4), act("msg.unreact", 10, { id: "m_1", emoji: "👍", count: 1 }),
  act("msg.unreact", 11, { id: "m_1", emoji: "🎉", count: 0 }), act("msg.edit", 12, { id: "m_2", text: "third", rev: 3 }),
  act("msg.unpin", 13, { id: "m_1" }), act("msg.pin", 14, { id: "m_2" }), act("msg.delete", 15, { id: "m_8" }),
  act("msg.react", 16, { id: "m_8", emoji: "👀", count: 1 }), born(17, { deleted: true, text: undefined }, 5),
];
const known = (timeline) => timeline.entries.map(({ message }) => message);
const after = (events, timeline = new Timeline("u_1")) => {
  if (timeline.epoch === null) timeline.reset("e1", { upto: 0, items: [] });
  for (const event of events) assert.equal(timeline.apply(event), "applied");
  return timeline;
};

describe("reducer", () => {
  it("says what every kind of event does", () => {
    const [one, two, eight, nine, gone] = known(after(LOG));
    assert.deepEqual(one.reactions, [{ emoji: "👍", count: 1, mine: true }]);
    assert.deepEqual([one.pinned, one.thread], [false, { count: 2, last_at: NOON + 9 }]);
    assert.deepEqual([two.text, two.rev, two.edited_at, two.pinned], ["third", 3, NOON + 12, true]);
    assert.deepEqual([eight.deleted, eight.text, eight.reactions], [true, "", []]);
    assert.equal(nine.thread, "m_1");
    assert.deepEqual([gone.deleted, gone.text], [true, ""]);
  });

  it("comes out alike whether it was seen live, or a list and the rest of the log", () => {
    const whole = known(after(LOG));
    for (let cut = 0; cut <= LOG.length; cut += 1) {
      const items = structuredClone(known(after(LOG.slice(0, cut))));
      const resumed = new Timeline("u_1");
      resumed.reset("e1", { upto: cut, items });
      assert.deepEqual(known(after(LOG.slice(cut), resumed)), whole, `cut at ${cut}`);
    }
  });

  it("comes out alike when events come that a list has already", async () => {
    const whole = known(after(LOG));
    for (let seen = 0; seen <= LOG.length; seen += 1) {
      let deliver;
      const lookup = new Lookup({ me: "u_1", fetch: () => new Promise((done) => (deliver = done)) });
      const loading = lookup.newest();
      for (const event of LOG.slice(0, seen)) lookup.take(event);
      deliver({ items: structuredClone(whole), next: null });
      await loading;
      for (const event of LOG.slice(seen)) lookup.take(event);
      const { text, reactions, pinned, deleted, rev } = lookup.message("m_1");
      assert.deepEqual({ text, reactions, pinned, deleted, rev }, pick(whole[0]), `seen ${seen}`);
      assert.deepEqual(pick(lookup.message("m_2")), pick(whole[1]));
      assert.equal(lookup.message("m_8").text, "");
    }
  });

  it("changes nothing of a deleted message, and nothing for an event that it does not know", () => {
    const message = messageOf({ id: "m_1", seq: 1, n: 1, at: 1, by: "u_2", deleted: true });
    const place = { find: () => message, me: "u_1" };
    for (const ev of ["msg.edit", "msg.react", "msg.pin", "something.new"]) {
      assert.equal(change({ ev, seq: 2, at: 2, d: { id: "m_1", by: "u_2", emoji: "👍", count: 1, text: "back", rev: 9 } }, place), false);
    }
    assert.deepEqual([message.text, message.reactions, message.pinned], ["", [], false]);
  });
});

const pick = ({ text, reactions, pinned, deleted, rev }) => ({ text, reactions, pinned, deleted, rev });

describe("answers of the assistant", () => {
  const start = { ev: "ai.start", seq: 3, n: 2, at: NOON, d: { id: "m_3", run: "run_5", by: "u_ai", asker: "u_1", reply_to: "m_1", model: "small" } };
  const end = { ev: "ai.end", seq: 4, at: NOON, d: { id: "m_3", by: "u_ai", run: "run_5", asker: "u_1", finish: "stop", model: "small", text: "가나다.", cites: [{ id: "m_1", seq: 1 }], use: { in: 1, out: 2 } } };

  it("grow by bytes: once, without holes, and across letters of several bytes", () => {
    const message = begun(start);
    assert.equal(grow(message, { off: 0, text: "가나" }), true);
    assert.equal(grow(message, { off: 0, text: "가나" }), false);
    assert.equal(grow(message, { off: 3, text: "나다" }), true);
    assert.equal(grow(message, { off: 30, text: "late" }), false);
    assert.deepEqual([message.text, message.ai.bytes], ["가나다", 9]);
    assert.equal(regrow(message, { off: 9, text: "가나다" }), true);
  });

  it("that were deleted are written no longer, and stay deleted", () => {
    const message = begun(start);
    const place = { find: () => message, me: "u_1" };
    assert.equal(change({ ev: "msg.delete", seq: 4, at: NOON, d: { id: "m_3", by: "u_1" } }, place), true);
    const { text: _text, ...deleted } = end.d;
    assert.equal(change({ ...end, seq: 5, d: { ...deleted, deleted: true } }, place), true);
    assert.deepEqual([message.deleted, message.ai.state, message.text], [true, "done", ""]);
    assert.equal(change({ ...end, seq: 5, d: { ...deleted, deleted: true } }, place), false);
  });

  it("end with the whole text and what it was made of", () => {
    const timeline = after([born(1), born(2), start, end]);
    const message = timeline.message("m_3");
    assert.deepEqual([message.text, message.ai.state, message.ai.finish, message.ai.cites.length], ["가나다.", "done", "stop", 1]);
    assert.equal(grow(message, { off: 10, text: "more" }), false);
  });

  it("stay gone when they were deleted while they were written", () => {
    const timeline = after([born(1), born(2), start, act("msg.delete", 4, { id: "m_3" })]);
    timeline.write({ run: "run_5", off: 0, text: "late" }, false);
    timeline.apply({ ...end, seq: 5 });
    assert.deepEqual([timeline.message("m_3").deleted, timeline.message("m_3").text], [true, ""]);
  });
});

describe("threads", () => {
  it("are one row each time in the conversation, and messages in their own place", () => {
    const timeline = after([born(1), born(2), born(3, { thread: "m_1" }), born(4, { thread: "m_1", by: "u_3" }), born(5), born(6, { thread: "m_1" })]);
    const view = { me: "u_1", dayOf: () => "today" };
    const rows = rowsOf(timeline, view).filter(({ type }) => type !== "day");
    assert.deepEqual(rows.map(({ type, count }) => count ?? type), ["message", "message", 2, "message", 1]);
    assert.deepEqual(rows[2].by, ["u_2", "u_3"]);
    assert.equal(rowsOf(timeline, { ...view, isThread: true }).filter(({ type }) => type === "message").length, 6);
    timeline.add({ cid: "c-9", text: "mine", at: NOON, thread: "m_1" });
    const last = rowsOf(timeline, view).at(-1);
    assert.deepEqual([last.type, last.count], ["thread", 2]);
  });

  it("count what is unread of those that one follows", () => {
    const book = new ThreadBook("u_1");
    assert.equal(book.event(born(3, { thread: "m_1" }), { by: "u_2" }), false);
    assert.equal(book.event(born(4, { thread: "m_2" }), { by: "u_1" }), true);
    assert.equal(book.event(born(4, { thread: "m_2" }), { by: "u_1" }), false);
    book.event(born(5, { thread: "m_2" }), null);
    assert.deepEqual([book.unread, book.unreadOf("m_2")], [2, 2]);
    book.read({ thread: "m_2", seq: 5, unread: 0 });
    assert.equal(book.unread, 0);
    book.event(born(6, { thread: "m_1", by: "u_1" }), null);
    assert.deepEqual(book.list.map(({ root }) => root), ["m_1", "m_2"]);
  });
});

describe("threads that the server lists", () => {
  const listed = (root, last_seq, more) => ({ root: { id: `m_${root}`, seq: root }, last_seq, read_seq: 0, unread: 1, ...more });
  const book = (answers) => {
    const asked = [];
    const made = new ThreadBook("u_1", async (query) => (asked.push(query.cursor ?? null), answers.shift()));
    return { asked, made, roots: () => made.list.map(({ root }) => root) };
  };

  it("are read on page by page, past what is known, and not again where nothing came", async () => {
    const newest = { items: [listed(9, 30), listed(8, 29)], next: "a" };
    const { asked, made, roots } = book([newest, { items: [listed(7, 28)], next: "b" }, { items: [listed(6, 27)], next: null }, newest]);
    made.event(born(28, { thread: "m_7" }), { by: "u_1", seq: 7 });
    await made.load();
    assert.deepEqual([roots(), made.hasMore], [["m_9", "m_8", "m_7"], true]);
    await Promise.all([made.more(), made.more()]);
    assert.deepEqual([roots(), made.hasMore, asked], [["m_9", "m_8", "m_7", "m_6"], false, [null, "a", "b"]]);
    await made.load();
    assert.deepEqual([made.hasMore, made.unread], [false, 4]);
  });

  it("do not take back what the log told meanwhile, nor bring what was forgotten", async () => {
    let deliver;
    const made = new ThreadBook("u_1", () => new Promise((done) => (deliver = done)));
    const loaded = made.load();
    made.event(born(31, { thread: "m_9", by: "u_1" }), null);
    made.forget(5);
    deliver({ items: [listed(9, 30), listed(4, 29)], next: null });
    await loaded;
    assert.deepEqual([made.list.map(({ root, last_seq }) => [root, last_seq]), made.unread], [[["m_9", 31]], 0]);
  });
});

describe("the inbox", () => {
  const entry = (seq) => ({ ev: "inbox", seq, d: { id: `n_${seq}`, kind: "mention", title: "t", body: "b", link: "", at: seq } });

  it("counts, reads and drops", () => {
    const inbox = new Inbox({});
    inbox.ready({ unread: 1 });
    inbox.take(entry(5));
    inbox.take(entry(5));
    inbox.take(entry(6));
    assert.deepEqual([inbox.unread, inbox.list.map(({ id }) => id)], [3, ["n_6", "n_5"]]);
    inbox.take({ ev: "inbox.read", upto_seq: 5, unread: 1 });
    assert.deepEqual([inbox.unread, inbox.list.map(({ read_at }) => Boolean(read_at))], [1, [false, true]]);
    inbox.take({ ev: "inbox.drop", ids: ["n_6"], unread: 0 });
    assert.deepEqual([inbox.unread, inbox.list.length], [0, 1]);
  });
});

describe("completion of names", () => {
  const users = [["u_1", "mina", "Mina Kim"], ["u_2", "jun", "박준"], ["u_3", "junho", "Park Mina"]].map(([id, username, display_name]) => ({ id, username, display_name }));

  it("sees a name that is begun, and only there", () => {
    assert.deepEqual(begunName("hi @ju", 6), { from: 3, query: "ju" });
    assert.deepEqual(begunName("@", 1), { from: 0, query: "" });
    assert.deepEqual(begunName("hi @ju now", 6), { from: 3, query: "ju" });
    for (const text of ["a@b", "hi @jun ", "@@x", "plain"]) assert.equal(begunName(text, text.length), null, text);
  });

  it("puts who begins with it first, and knows Hangul", () => {
    assert.deepEqual(fitting(users, "mi", []).map(({ id }) => id), ["u_1", "u_3"]);
    assert.deepEqual(fitting(users, "박", []).map(({ id }) => id), ["u_2"]);
    assert.deepEqual(fitting(users, "a", ["all", "here"]).map(({ username }) => username), ["all"]);
    assert.deepEqual(completed("hi @ju now", { from: 3 }, 6, "jun"), { text: "hi @jun now", caret: 8 });
  });
});
