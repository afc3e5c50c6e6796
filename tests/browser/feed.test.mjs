// One open room against a scripted line: resume, gap, lag, and sends that must not get lost or doubled.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Feed } from "../../web/js/models/feed.js";
import { Problem } from "../../web/js/problem.js";

/** A line that notes what was asked and answers when told to. */
function scripted() {
  const asked = [];
  return {
    asked,
    ask: (op, fields, done) => asked.push({ op, fields, ok: (ok) => done(null, ok), err: (err) => done(new Problem(err), null) }),
    history: async () => ({ items: [] }),
    last: (op) => asked.filter((ask) => ask.op === op).at(-1),
    count: (op) => asked.filter((ask) => ask.op === op).length,
  };
}

const born = (seq, n = seq, d = {}) => ({
  ev: "msg.new", room: "r_1", seq, n, at: seq, d: { id: `m_${seq}`, by: "u_2", text: `t${seq}`, reply_to: null, ...d },
});
const items = (from, to) =>
  Array.from({ length: to - from + 1 }, (_, at) => ({ ...born(from + at).d, seq: from + at, n: from + at, at: 1, rev: 1, deleted: false }));
const seqs = (feed) => feed.timeline.entries.map(({ seq }) => seq);

describe("feed", () => {
  let link, feed, told;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    link = scripted();
    told = [];
    feed = new Feed({ room: "r_1", me: "u_1", link, tell: (what) => told.push(what) });
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 3, snapshot: { upto: 3, items: items(1, 3) } });
  });
  afterEach(() => mock.timers.reset());

  it("opens without a position first, and from its position later", () => {
    assert.equal(link.asked[0].fields.since, undefined);
    feed.take(born(4));
    feed.lost();
    feed.open();
    assert.deepEqual(link.last("open").fields.since, { epoch: "e1", seq: 4 });
  });

  it("takes a replay in the same breath as the answer", () => {
    feed.lost();
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 5, resumed: true, replay: 2 });
    assert.equal(feed.state, "replaying");
    feed.take(born(4));
    feed.take(born(5));
    feed.take({ ev: "caught_up", room: "r_1", seq: 5 });
    feed.take(born(6));
    assert.deepEqual([seqs(feed), feed.state], [[1, 2, 3, 4, 5, 6], "live"]);
  });

  it("replaces what it had when it cannot resume", () => {
    feed.lost();
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e2", head: 9, resumed: false, why: "epoch", snapshot: { upto: 9, items: items(8, 9) } });
    assert.deepEqual([seqs(feed), feed.timeline.epoch, feed.state], [[8, 9], "e2", "live"]);
  });

  it("opens again at a gap, once, and loses nothing", () => {
    feed.take(born(5));
    feed.take(born(6));
    assert.equal(link.count("open"), 2);
    assert.deepEqual(link.last("open").fields.since, { epoch: "e1", seq: 3 });
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 6, resumed: true, replay: 3 });
    for (const seq of [4, 5, 6]) feed.take(born(seq));
    assert.deepEqual(seqs(feed), [1, 2, 3, 4, 5, 6]);
  });

  it("opens again when it is behind, and not when it is level", () => {
    feed.take({ ev: "behind", room: "r_1", head: 3 });
    assert.equal(link.count("open"), 1);
    feed.take({ ev: "behind", room: "r_1", head: 7 });
    assert.equal(link.count("open"), 2);
  });

  it("pulls after lag until it is level", () => {
    feed.take({ ev: "lag", room: "r_1", from: 4, head: 7 });
    assert.deepEqual(link.last("pull").fields, { room: "r_1", after: 3 });
    link.last("pull").ok({ events: [born(4), born(5)], head: 7, more: true });
    assert.deepEqual(link.last("pull").fields, { room: "r_1", after: 5 });
    link.last("pull").ok({ events: [born(6), born(7)], head: 7, more: false });
    feed.take(born(8));
    assert.deepEqual([seqs(feed), feed.state, link.count("open")], [[1, 2, 3, 4, 5, 6, 7, 8], "live", 1]);
  });

  it("sends one at a time, in the order of writing", () => {
    feed.send({ cid: "c-1", text: "a", at: 1 });
    feed.send({ cid: "c-2", text: "b", at: 2 });
    assert.deepEqual([link.count("send"), link.last("send").fields.cid], [1, "c-1"]);
    link.last("send").ok({ seq: 4, n: 4, id: "m_4", at: 4, dup: false });
    assert.equal(link.last("send").fields.cid, "c-2");
  });

  it("sends the same cid again after a loss and counts dup as sent", () => {
    feed.send({ cid: "c-1", text: "a", at: 1 });
    link.last("send").err({ code: "offline", temporary: true });
    feed.lost();
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 4, resumed: true, replay: 1 });
    assert.deepEqual([link.count("send"), link.last("send").fields.cid], [2, "c-1"]);
    feed.take(born(4, 4, { by: "u_1", cid: "c-1" }));
    link.last("send").ok({ seq: 4, n: 4, id: "m_4", at: 4, dup: true });
    assert.deepEqual([feed.timeline.pending.length, seqs(feed)], [0, [1, 2, 3, 4]]);
  });

  it("waits out a temporary refusal and keeps the order", () => {
    feed.send({ cid: "c-1", text: "a", at: 1 });
    feed.send({ cid: "c-2", text: "b", at: 2 });
    link.last("send").err({ code: "slow_mode", temporary: true, retry_ms: 4200 });
    mock.timers.tick(4100);
    assert.equal(link.count("send"), 1);
    mock.timers.tick(200);
    assert.deepEqual([link.count("send"), link.last("send").fields.cid], [2, "c-1"]);
  });

  it("gives back what would wait too long, and does not wait to be allowed to speak", () => {
    for (const [at, err] of [{ code: "slow_mode", temporary: true, retry_ms: 60_000 }, { code: "muted", temporary: true }].entries()) {
      feed.send({ cid: `c-${at}`, text: "a", at: 1 });
      link.last("send").err(err);
      assert.equal(feed.timeline.pendingOf(`c-${at}`).state, "failed");
    }
  });

  it("looks around a place far back, comes forward, and joins the end", async () => {
    const far = items(1, 200).map((item) => ({ ...item, id: `f_${item.seq}` }));
    link.fetch = async (_room, _path, query) => {
      const from = query.around_seq ? query.around_seq - 25 : query.after_seq + 1;
      const found = far.filter(({ seq }) => seq >= from && seq < from + 50);
      return { items: found, next: query.after_seq && found.at(-1).seq < 200 ? "more" : null };
    };
    feed.timeline.reset("e2", { upto: 200, items: far.slice(150) });
    await feed.lookUp(60);
    assert.deepEqual([feed.view.oldestSeq, feed.view.newestSeq, feed.past !== null], [35, 84, true]);
    feed.take({ ...born(201), d: { ...born(201).d, id: "f_201" } });
    for (let turn = 0; turn < 2; turn += 1) await feed.more("newer");
    assert.equal(feed.past, null);
    assert.deepEqual(seqs(feed), Array.from({ length: 167 }, (_, at) => at + 35));
  });

  it("marks what is refused for good, goes on with the next, and retries on demand", () => {
    feed.send({ cid: "c-1", text: "a", at: 1 });
    feed.send({ cid: "c-2", text: "b", at: 2 });
    link.last("send").err({ code: "muted" });
    assert.equal(feed.timeline.pendingOf("c-1").state, "failed");
    assert.equal(link.last("send").fields.cid, "c-2");
    link.last("send").ok({ seq: 4 });
    feed.again("c-1");
    assert.equal(link.last("send").fields.cid, "c-1");
  });

  it("holds sends while it is not open and sends them when it is", () => {
    feed.lost();
    feed.send({ cid: "c-1", text: "a", at: 1 });
    assert.equal(link.count("send"), 0);
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 3, resumed: true, replay: 0 });
    assert.equal(link.count("send"), 1);
  });

  it("tells when the room is closed to the reader", () => {
    feed.lost();
    feed.open();
    link.last("open").err({ code: "not_found" });
    assert.ok(told.includes("refused"));
  });

  it("drops a page of history that a snapshot overtook", async () => {
    let deliver;
    feed = new Feed({ room: "r_1", me: "u_1", tell: () => {}, link: { ...link, history: () => new Promise((resolve) => (deliver = resolve)) } });
    feed.open();
    link.last("open").ok({ epoch: "e1", head: 90, snapshot: { upto: 90, items: items(41, 90) } });
    const done = feed.older();
    feed.timeline.reset("e2", { upto: 200, items: items(151, 200) });
    deliver({ items: items(1, 40), next: null });
    await done;
    assert.equal(feed.timeline.oldestSeq, 151);
  });

  it("reads what an edit does not say, and shows no message without a text meanwhile", async () => {
    const asked = [];
    link.history = async (...args) => {
      asked.push(args);
      return { items: [{ ...items(2, 2)[0], text: "new", rev: 2 }] };
    };
    const edit = (seq, d) => ({ ev: "msg.edit", room: "r_1", seq, at: seq, d: { id: "m_2", by: "u_2", rev: 2, ...d } });
    feed.take(edit(4, { deleted: true }));
    feed.take(edit(5, {}));
    assert.equal(feed.timeline.message("m_2").text, "t2");
    await null;
    assert.deepEqual([asked, feed.timeline.message("m_2").text], [[["r_1", 3, 1]], "new"]);
  });

  it("lets go of what the room has forgotten: messages, threads, a place in the past", async () => {
    const root = items(1, 1)[0];
    link.fetch = async (_room, path) => (path === "/threads" ? { items: [{ root, last_seq: 2, read_seq: 1, unread: 1 }] } : { items: [], next: null });
    await feed.threads.load();
    await feed.openThread("m_1");
    assert.deepEqual([feed.threads.unread, feed.thread.root], [1, "m_1"]);
    feed.info.now = { may: new Set(), horizon: 0 };
    feed.timeline.complete = false;
    feed.info.take({ horizon: 2, horizon_n: 2 });
    assert.deepEqual([seqs(feed), feed.timeline.complete, feed.message("m_2"), feed.thread, feed.threads.unread], [[3], true, null, null, 0]);
    for (const what of ["detail", "timeline", "threads", "pins"]) assert.ok(told.includes(what), what);
    feed.take(born(4, 4, { reply_to: "m_1" }));
    assert.deepEqual(seqs(feed), [3, 4]);
  });

  it("lets go of what was forgotten while it was away, as the answer to coming back says, and of nothing else", async () => {
    link.fetch = async () => ({ items: [{ root: items(1, 1)[0], last_seq: 2, read_seq: 2, unread: 0 }], next: null });
    await feed.threads.load();
    feed.lost();
    feed.send({ cid: "c-1", text: "a", at: 1, reply_to: "m_1" });
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 4, resumed: true, replay: 1, horizon: 2 });
    assert.deepEqual([seqs(feed), feed.message("m_2"), feed.threads.list, feed.timeline.complete], [[3], null, [], true]);
    assert.deepEqual([feed.timeline.position, feed.timeline.pending.length, feed.state], [3, 1, "replaying"]);
    for (const what of ["timeline", "threads", "pins"]) assert.ok(told.includes(what), what);
    feed.take(born(4));
    feed.lost();
    feed.open();
    link.last("open").ok({ room: "r_1", epoch: "e1", head: 4, resumed: true, replay: 0 });
    assert.deepEqual([seqs(feed), feed.timeline.message("m_3").text], [[3, 4], "t3"]);
  });

  it("keeps out a page that was on its way when the room forgot it", async () => {
    let deliver;
    link.history = () => new Promise((resolve) => (deliver = resolve));
    feed.timeline.reset("e1", { upto: 60, items: items(41, 60) });
    const done = feed.older();
    feed.info.now = { may: new Set(), horizon: 0 };
    feed.info.take({ horizon: 30, horizon_n: 30 });
    deliver({ items: items(21, 40), next: "more" });
    await done;
    assert.deepEqual([feed.timeline.oldestSeq, feed.message("m_30"), feed.timeline.complete], [31, null, false]);
    link.history = async () => ({ items: [], next: null });
    await feed.older();
    assert.equal(feed.timeline.complete, true);
  });

  it("looks what it may still do when it may not speak", () => {
    const asked = [];
    link.fetch = async (_room, path) => (asked.push(path), {});
    for (const err of [{ code: "forbidden", reason: "filtered" }, { code: "forbidden", reason: "blocked" }]) {
      feed.send({ cid: `c-${err.reason}`, text: "a", at: 1 });
      link.last("send").err(err);
    }
    assert.deepEqual(asked, ["", "/permissions"]);
  });

  it("does not think that it has all because of what lies far before it", () => {
    feed.lost();
    feed.open();
    link.last("open").ok({ epoch: "e1", head: 90, resumed: false, why: "too_old", snapshot: { upto: 90, items: items(41, 90) } });
    feed.info.now = { may: new Set(), horizon: 0 };
    feed.info.take({ horizon: 12, horizon_n: 12 });
    assert.deepEqual([feed.timeline.complete, feed.timeline.oldestSeq], [false, 41]);
  });
});
