// The model of the page of the actors: tones, bars, lines, and what follows from two looks.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SurveyBook, fill, keyOf, points, tone } from "../../web/js/models/survey.js";
import en from "../../web/js/words/en.js";
import ko from "../../web/js/words/ko.js";

const look = (at, cpu_ms, waiting = 0) => ({
  at,
  totals: { cpu_ms, waiting, lines_per_second: null, deliveries_per_second: 4, appends_per_second: 1, commits_per_second: 1 },
});

describe("what the actors show", () => {
  it("has a tone by the age of what waits and by how full the mailbox is", () => {
    assert.equal(tone({ depth: 0, capacity: 10, oldest_ms: 0 }), "calm");
    assert.equal(tone({ depth: 1, capacity: 10, oldest_ms: 60 }), "slow");
    assert.equal(tone({ depth: 5, capacity: 10, oldest_ms: 0 }), "slow");
    assert.equal(tone({ depth: 10, capacity: 10, oldest_ms: 0 }), "bad");
    assert.equal(tone({ depth: 1, capacity: 10, oldest_ms: 500 }), "bad");
    assert.equal(tone({ depth: null, capacity: null, oldest_ms: null }), "calm");
  });

  it("fills a bar so that few messages show too, and never more than whole", () => {
    assert.equal(fill({ depth: 0, capacity: 1024 }), 0);
    assert.ok(fill({ depth: 1, capacity: 1024 }) > 0.05);
    assert.equal(fill({ depth: 2000, capacity: 1024 }), 1);
    assert.equal(fill({ depth: null, capacity: null }), 0);
  });

  it("is known again at the next look, wherever it stands", () => {
    assert.equal(keyOf({ kind: "room", name: "a", room: { id: "r_1" } }, "/rooms"), keyOf({ kind: "room", name: "b", room: { id: "r_1" } }, "/rooms"));
    assert.notEqual(keyOf({ kind: "relay", name: "Relay" }, "/worker:1"), keyOf({ kind: "relay", name: "Relay" }, "/worker:2"));
  });

  it("tells the processor between two looks, and nothing when the server was started again", () => {
    const book = new SurveyBook();
    book.take(look(1000, 500));
    assert.equal(book.processor, null);
    book.take(look(2000, 1250));
    assert.equal(book.processor, 75);
    book.take(look(3000, 10));
    assert.equal(book.processor, null);
  });

  it("remembers a minute, and leaves out what was not known", () => {
    const book = new SurveyBook();
    for (let at = 0; at < 100; at += 1) book.take(look(at * 1000, 0, at));
    assert.deepEqual([book.history.waiting.length, book.history.waiting[0], book.history.waiting.at(-1)], [60, 40, 99]);
    assert.equal(book.history.lines_per_second.length, 0);
    const line = points([0, 10]).split(" ").map((point) => point.split(",").map(Number));
    assert.deepEqual([line[0][1], line[1]], [23, [100, 1]]);
    assert.equal(points([]), "");
  });

  it("has the same words in both languages", () => {
    const keys = (words) => Object.keys(words).filter((key) => key.startsWith("live.") && !key.endsWith(".one"));
    assert.deepEqual(keys(ko), keys(en));
    for (const key of keys(en)) {
      const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
      assert.deepEqual(places(ko[key]), places(en[key]), key);
    }
  });
});
