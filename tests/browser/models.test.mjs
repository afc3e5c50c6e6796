// The models of the page, without a page: what a timeline keeps, drops and refuses.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Backoff } from "../../web/js/models/backoff.js";
import { Drafts } from "../../web/js/models/drafts.js";
import { hueOf, initialsOf } from "../../web/js/models/face.js";
import { People } from "../../web/js/models/people.js";
import { rowsOf } from "../../web/js/models/rows.js";
import { isAtEnd, ScrollAnchor } from "../../web/js/models/scroll-anchor.js";
import { isEmojiOnly, namesMe, piecesOf } from "../../web/js/models/text.js";
import { Timeline } from "../../web/js/models/timeline.js";
import { UnsentStore } from "../../web/js/models/unsent.js";
import { afterClose, textLength } from "../../web/js/protocol.js";

const MINUTE = 60_000;
const NOON = new Date(2026, 10, 20, 12).getTime();

const item = (seq, n = seq, more = {}) => ({
  id: `m_${seq}`, seq, n, at: NOON, by: "u_2", text: `text ${seq}`, reply_to: null, rev: 1, deleted: false, ...more,
});
const born = (seq, n = seq, d = {}) => ({
  ev: "msg.new", room: "r_1", seq, n, at: NOON, d: { id: `m_${seq}`, by: "u_2", text: `text ${seq}`, reply_to: null, ...d },
});
const loaded = (upto = 0, items = []) => {
  const timeline = new Timeline("u_1");
  timeline.reset("e1", { upto, items });
  return timeline;
};
const seqs = (timeline) => timeline.entries.map(({ seq }) => seq);
const dayOf = (at) => new Date(at).toDateString();
const rows = (timeline, more = {}) => rowsOf(timeline, { me: "u_1", dayOf, ...more });

describe("timeline", () => {
  it("takes a snapshot and goes on from it", () => {
    const timeline = loaded(7, [item(4, 2), item(6, 3)]);
    assert.equal(timeline.position, 7);
    assert.equal(timeline.apply(born(8, 4)), "applied");
    assert.deepEqual(seqs(timeline), [4, 6, 8]);
  });

  it("applies an event once", () => {
    const timeline = loaded(2, [item(1), item(2)]);
    assert.equal(timeline.apply(born(3)), "applied");
    assert.equal(timeline.apply(born(3)), "known");
    assert.equal(timeline.apply(born(2)), "known");
    assert.deepEqual(seqs(timeline), [1, 2, 3]);
  });

  it("sees a gap and takes nothing behind it", () => {
    const timeline = loaded(2, [item(1), item(2)]);
    assert.equal(timeline.apply(born(4)), "gap");
    assert.equal(timeline.position, 2);
    assert.deepEqual(seqs(timeline), [1, 2]);
  });

  it("keeps files and previews until their message is deleted", () => {
    const timeline = loaded();
    const files = [{ id: "fi_1" }];
    timeline.apply(born(1, 1, { files }));
    const previews = [{ url: "https://e.org", title: "E" }];
    timeline.apply({ ev: "msg.preview", room: "r_1", seq: 2, at: NOON, d: { id: "m_1", previews } });
    const shown = () => rows(timeline).find(({ type }) => type === "message");
    assert.deepEqual([shown().files, shown().previews], [files, previews]);
    timeline.apply({ ev: "msg.delete", room: "r_1", seq: 3, at: NOON, d: { id: "m_1" } });
    assert.deepEqual([shown().files, shown().previews, shown().deleted], [[], [], true]);
    timeline.add({ cid: "c", text: "", at: NOON, files });
    assert.deepEqual(rows(timeline).at(-1).files, files);
  });

  it("moves past events that it does not know", () => {
    const timeline = loaded(2, [item(1), item(2)]);
    assert.equal(timeline.apply({ ev: "msg.react", room: "r_1", seq: 3, at: NOON, d: { id: "m_1" } }), "applied");
    assert.equal(timeline.apply({ ev: "something.new", room: "r_1", seq: 4, at: NOON }), "applied");
    assert.equal(timeline.apply(born(5, 3)), "applied");
    assert.deepEqual(seqs(timeline), [1, 2, 5]);
  });

  it("edits and erases in place", () => {
    const timeline = loaded(2, [item(1), item(2)]);
    timeline.apply({ ev: "msg.edit", seq: 3, at: NOON + 1, d: { id: "m_1", by: "u_2", text: "better", rev: 2 } });
    timeline.apply({ ev: "msg.delete", seq: 4, at: NOON + 2, d: { id: "m_2" } });
    assert.equal(timeline.message("m_1").text, "better");
    assert.equal(timeline.message("m_1").edited_at, NOON + 1);
    assert.deepEqual([timeline.message("m_2").deleted, timeline.message("m_2").text], [true, ""]);
    timeline.apply({ ev: "msg.edit", seq: 5, at: NOON + 3, d: { id: "m_2", text: "back?", rev: 2 } });
    assert.equal(timeline.message("m_2").text, "");
  });

  it("keeps member lines in their place", () => {
    const timeline = loaded(1, [item(1)]);
    timeline.apply({ ev: "member.join", seq: 2, at: NOON, d: { user: "u_9" } });
    timeline.apply(born(3, 2));
    assert.deepEqual(timeline.entries.map(({ type }) => type), ["message", "line", "message"]);
  });

  it("shows a send at once and replaces it when the log has it", () => {
    const timeline = loaded(1, [item(1)]);
    timeline.add({ cid: "c-1", text: "hi", at: NOON });
    assert.equal(timeline.pending.length, 1);
    timeline.apply(born(2, 2, { by: "u_1", cid: "c-1", text: "hi" }));
    assert.equal(timeline.pending.length, 0);
    assert.deepEqual(seqs(timeline), [1, 2]);
  });

  it("shows it once whichever comes first, the answer or the event", () => {
    const answerFirst = loaded(1, [item(1)]);
    answerFirst.add({ cid: "c-1", text: "hi", at: NOON });
    answerFirst.accept("c-1", { seq: 2 });
    assert.equal(answerFirst.pendingOf("c-1").state, "sent");
    answerFirst.apply(born(2, 2, { by: "u_1", cid: "c-1" }));
    assert.deepEqual([answerFirst.pending.length, seqs(answerFirst)], [0, [1, 2]]);

    const eventFirst = loaded(1, [item(1)]);
    eventFirst.add({ cid: "c-1", text: "hi", at: NOON });
    eventFirst.apply(born(2, 2, { by: "u_1", cid: "c-1" }));
    eventFirst.accept("c-1", { seq: 2 });
    assert.deepEqual([eventFirst.pending.length, seqs(eventFirst)], [0, [1, 2]]);
  });

  it("does not let another user's cid confirm a send", () => {
    const timeline = loaded();
    timeline.add({ cid: "c-1", text: "mine", at: NOON });
    timeline.apply(born(1, 1, { by: "u_2", cid: "c-1", text: "theirs" }));
    assert.equal(timeline.pending.length, 1);
  });

  it("keeps pending sends over a snapshot, but not those it covers", () => {
    const timeline = loaded(1, [item(1)]);
    for (const cid of ["c-in", "c-before", "c-open"]) timeline.add({ cid, text: cid, at: NOON });
    timeline.accept("c-before", { seq: 3 });
    timeline.reset("e1", { upto: 80, items: [item(79, 70), item(80, 71, { by: "u_1", cid: "c-in" })] });
    assert.deepEqual(timeline.pending.map(({ cid }) => cid), ["c-open"]);
    timeline.accept("c-open", { seq: 20, dup: true });
    assert.equal(timeline.pending.length, 0);
  });

  it("marks a refused send, tries it again, and drops it", () => {
    const timeline = loaded();
    timeline.add({ cid: "c-1", text: "hi", at: NOON });
    timeline.refuse("c-1", { code: "muted" });
    assert.deepEqual([timeline.pendingOf("c-1").state, timeline.pendingOf("c-1").problem.code], ["failed", "muted"]);
    timeline.again("c-1");
    assert.deepEqual([timeline.pendingOf("c-1").state, timeline.pendingOf("c-1").problem], ["sending", null]);
    timeline.drop("c-1");
    assert.equal(timeline.pending.length, 0);
  });

  it("puts history before what is there, without doubles, until the first", () => {
    const timeline = loaded(60, Array.from({ length: 50 }, (_, at) => item(at + 11)));
    assert.equal(timeline.complete, false);
    timeline.prepend([...Array(5)].map((_, at) => item(at + 7)), 5);
    assert.deepEqual([timeline.oldestSeq, timeline.entries.length, timeline.complete], [7, 54, false]);
    timeline.prepend([...Array(6)].map((_, at) => item(at + 1)), 6);
    assert.deepEqual([timeline.oldestSeq, timeline.entries.length, timeline.complete], [1, 60, true]);
    assert.deepEqual(seqs(timeline), [...seqs(timeline)].sort((a, b) => a - b));
  });

  it("forgets its oldest end and can fetch it again", () => {
    const timeline = loaded(9, [...Array(9)].map((_, at) => item(at + 1)));
    assert.equal(timeline.complete, true);
    timeline.trim(4);
    assert.deepEqual([seqs(timeline), timeline.complete], [[6, 7, 8, 9], false]);
    timeline.prepend([item(4), item(5)], 2);
    assert.deepEqual(seqs(timeline), [4, 5, 6, 7, 8, 9]);
  });
});

describe("rows", () => {
  it("groups messages of one author within five minutes", () => {
    const timeline = loaded(5, [
      item(1), item(2, 2, { at: NOON + 4 * MINUTE }), item(3, 3, { at: NOON + 9 * MINUTE }),
      item(4, 4, { at: NOON + 9 * MINUTE, by: "u_3" }), item(5, 5, { at: NOON + 9 * MINUTE, by: "u_3", reply_to: "m_1" }),
    ]);
    const messages = rows(timeline).filter(({ type }) => type === "message");
    assert.deepEqual(messages.map(({ head }) => head), [true, false, true, true, true]);
    assert.deepEqual(messages.map(({ tail }) => tail), [false, true, true, true, true]);
  });

  it("divides days", () => {
    const timeline = loaded(2, [item(1), item(2, 2, { at: NOON + 24 * 60 * MINUTE })]);
    assert.deepEqual(rows(timeline).map(({ type }) => type), ["day", "message", "day", "message"]);
  });

  it("puts the new divider before the first message above the read mark, unless it is mine", () => {
    const timeline = loaded(3, [item(1), item(2), item(3)]);
    assert.deepEqual(rows(timeline, { newAfter: 2 }).map(({ type }) => type), ["day", "message", "message", "new", "message"]);
    assert.ok(!rows(timeline, { newAfter: 3 }).some(({ type }) => type === "new"));
    timeline.apply(born(4, 4, { by: "u_1" }));
    assert.ok(!rows(timeline, { newAfter: 3 }).some(({ type }) => type === "new"));
  });

  it("keeps the key of a send when it is confirmed", () => {
    const timeline = loaded();
    timeline.add({ cid: "c-1", text: "hi", at: NOON });
    const before = rows(timeline).at(-1);
    timeline.apply(born(1, 1, { by: "u_1", cid: "c-1", text: "hi" }));
    const after = rows(timeline).at(-1);
    assert.equal(before.key, after.key);
    assert.deepEqual([before.state, after.state], ["sending", "confirmed"]);
  });

  it("has keys that are all different", () => {
    const timeline = loaded(3, [item(1), item(2), item(3)]);
    timeline.apply({ ev: "member.leave", seq: 4, at: NOON, d: { user: "u_2" } });
    timeline.add({ cid: "c-1", text: "hi", at: NOON });
    const keys = rows(timeline, { newAfter: 1 }).map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length);
  });
});

describe("scroll anchor", () => {
  const box = (scrollTop, scrollHeight = 1000, clientHeight = 400) => ({ scrollTop, scrollHeight, clientHeight });

  it("stays at the end while the reader is there", () => {
    const anchor = new ScrollAnchor();
    assert.equal(isAtEnd(box(590)), true);
    anchor.hold(box(600), []);
    assert.equal(anchor.settle(box(600, 1200), () => null), 800);
  });

  it("stays at the end when something grew before the scrolling was told that it did itself", () => {
    const anchor = new ScrollAnchor();
    assert.equal(anchor.settle(box(0, 1000), () => null), 600);
    anchor.scrolled(box(600, 1300));
    assert.deepEqual([anchor.stuck, anchor.settle(box(600, 1300), () => null)], [true, 900]);
    anchor.scrolled(box(600, 1300));
    assert.equal(anchor.stuck, false, "the reader went there");
    assert.equal(anchor.settle(box(600, 1400), () => null), null);
  });

  it("keeps the first row in view where it is when older ones come above it", () => {
    const anchor = new ScrollAnchor();
    anchor.scrolled(box(120));
    anchor.hold(box(120), [{ key: "a", top: 0, height: 100 }, { key: "b", top: 100, height: 100 }]);
    assert.equal(anchor.settle(box(120, 1500), (key) => ({ a: 500, b: 600 })[key]), 620);
    assert.equal(anchor.settle(box(120, 1500), () => null), null);
  });
});

describe("back-off", () => {
  it("tries fast first, then between 1 and 30 s", () => {
    for (const random of [() => 0, () => 0.5, () => 1]) {
      const backoff = new Backoff(random);
      const waits = Array.from({ length: 10 }, () => backoff.next());
      assert.ok(waits[0] <= 1000, `first ${waits[0]}`);
      assert.ok(waits.slice(1).every((ms) => ms >= 1000 && ms <= 30_000), String(waits));
      backoff.reset();
      assert.ok(backoff.next() <= 1000);
    }
  });
});

describe("text", () => {
  const types = (text) => piecesOf(text, "mina").map(({ type, text: piece }) => `${type}:${piece}`);

  it("leaves markup alone", () => {
    assert.deepEqual(types("<img src=x onerror=alert(1)>"), ["text:<img src=x onerror=alert(1)>"]);
    assert.deepEqual(types("javascript:alert(1)"), ["text:javascript:alert(1)"]);
  });

  it("finds links without the full stop behind them", () => {
    assert.deepEqual(types("see https://a.kr/b. ok"), ["text:see ", "link:https://a.kr/b", "text:. ok"]);
    assert.deepEqual(types("(https://a.kr)"), ["text:(", "link:https://a.kr", "text:)"]);
    assert.deepEqual(types("https://a.kr/x_(y)"), ["link:https://a.kr/x_(y)"]);
    assert.deepEqual(types('"https://a.kr"onmouseover="x"'), ['text:"', "link:https://a.kr", 'text:"onmouseover="x"']);
  });

  it("puts all pieces together to the same text again", () => {
    for (const text of ["a @mina, b", "@하늘 안녕", "x@y.kr @a. https://b.c/@d", "@@a @ b", "", "https://"]) {
      assert.equal(piecesOf(text, "mina").map((piece) => piece.text).join(""), text);
    }
  });

  it("knows who is named", () => {
    assert.ok(namesMe("hey @Mina!", "mina"));
    assert.ok(namesMe("@all now", "mina"));
    assert.ok(!namesMe("mail a@mina.kr", "mina"));
    assert.ok(!namesMe("@minase", "mina"));
    assert.ok(!namesMe("https://x.kr/@mina", "mina"));
  });

  it("knows emoji alone, and how long a text is", () => {
    assert.deepEqual(["👏👏", "👩‍👩‍👧", "🙂 ok", "12", "ㅋㅋ"].map(isEmojiOnly), [true, true, false, false, false]);
    assert.equal(textLength("👏가"), 2);
    assert.equal(textLength("\u1112\u1161\u11ab"), 1);
  });
});

describe("faces, people, unsent, close codes", () => {
  it("gives a user always the same hue and a short sign", () => {
    assert.equal(hueOf("u_7"), hueOf("u_7"));
    assert.ok(new Set(Array.from({ length: 60 }, (_, at) => hueOf(`u_${at}`))).size >= 9);
    assert.deepEqual(["김민아", "하늘", "남궁민수", "Sora Lee", "mina", "jun.park", ""].map(initialsOf), ["민아", "하늘", "남궁", "SL", "M", "JP", "·"]);
  });

  it("asks for unknown names once and together", async () => {
    const asked = [];
    const people = new People(async (ids) => (asked.push(ids), ids.map((id) => ({ id, username: id, display_name: `N ${id}` }))));
    const changed = new Promise((resolve) => people.addEventListener("change", resolve, { once: true }));
    assert.equal(people.name("u_1"), "");
    people.name("u_2");
    people.name("u_1");
    await changed;
    assert.deepEqual([asked, people.name("u_1")], [[["u_1", "u_2"]], "N u_1"]);
  });

  it("asks again who may be called otherwise by now, once for all, and never again of who is gone", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const asked = [];
    let isGone = false;
    const user = (id) => (isGone ? { id, username: "deleted-1", display_name: "Deleted user", deleted: true } : { id, username: id, display_name: id });
    const people = new People(async (ids) => (asked.push(ids), ids.map(user)));
    people.erased = () => "nobody";
    people.learn([user("u_1"), user("u_2")]);
    // Nobody has asked for u_9.
    for (const id of ["u_1", "u_2", "u_1", "u_9"]) people.doubt(id);
    isGone = true;
    const told = new Promise((resolve) => people.addEventListener("change", resolve, { once: true }));
    context.mock.timers.tick(1000);
    await told;
    assert.deepEqual([asked, people.name("u_1")], [[["u_1", "u_2"]], "nobody"]);
    people.doubt("u_1");
    context.mock.timers.tick(1000);
    assert.equal(asked.length, 1);
  });

  it("keeps in doubt what could not be asked", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const asked = [];
    const people = new People((ids) => (asked.push(ids), Promise.reject(new Error("away"))));
    people.learn([{ id: "u_1", username: "a", display_name: "" }, { id: "u_2", username: "b", display_name: "" }]);
    for (const id of ["u_1", "u_2"]) {
      people.doubt(id);
      context.mock.timers.tick(1000);
      await Promise.resolve();
    }
    assert.deepEqual([asked, people.name("u_1")], [[["u_1"], ["u_1", "u_2"]], "a"]);
  });

  it("gives unsent sends back to the same user only", () => {
    const kept = new Map();
    const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
    const send = { room: "r_1", cid: "c-1", text: "hi", at: 1, reply_to: null };
    new UnsentStore(storage, "u_1").save([send]);
    assert.deepEqual(new UnsentStore(storage, "u_1").load(), [send]);
    assert.deepEqual(new UnsentStore(storage, "u_2").load(), []);
    new UnsentStore(storage, "u_1").save([]);
    assert.equal(kept.size, 0);
  });

  it("gives drafts back place by place, to the same user only, and does without a storage", () => {
    const kept = new Map();
    const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
    const mina = new Drafts(storage, "u_1");
    mina.keep("r_1", "half a");
    mina.keep("__proto__", "odd");
    assert.deepEqual(["r_1", "r_2", "__proto__"].map((place) => new Drafts(storage, "u_1").of(place)), ["half a", "", "odd"]);
    assert.equal(new Drafts(storage, "u_2").of("r_1"), "");
    for (const place of ["r_1", "__proto__", "r_3"]) mina.keep(place, "");
    assert.equal(kept.size, 0);
    kept.set("moim.drafts", "{");
    storage.setItem = () => assert.fail("it is full");
    mina.keep("r_1", "half a");
    assert.equal(mina.of("r_1"), "");
  });

  it("knows what to do after a close", () => {
    assert.deepEqual([1001, 1006, 1012, 4001, 4003, 4009].map(afterClose), Array(6).fill("return"));
    assert.deepEqual([4401, 4499, 4500, 4501, 4503].map(afterClose), ["sign-in", "sign-in", "stop", "stop", "stop"]);
  });
});
