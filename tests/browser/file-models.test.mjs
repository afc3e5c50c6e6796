// What the page knows of files, without a page: keys for their addresses, and uploads under way.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FileKeys } from "../../web/js/models/file-keys.js";
import { Uploads, keepsPlace } from "../../web/js/models/uploads.js";

describe("keys of files", () => {
  const keysOf = (expires_in = 600) => {
    const asked = [];
    let now = 0;
    const ask = async (ids) => {
      asked.push(ids);
      return { items: ids.map((id) => ({ id, key: `key of ${id} ${now}` })), expires_in };
    };
    return { asked, keys: new FileKeys(ask, () => now), later: (ms) => (now += ms) };
  };

  it("asks once for all that is wanted in one moment", async () => {
    const { asked, keys } = keysOf();
    const got = await Promise.all(["fi_1", "fi_2", "fi_1"].map((id) => keys.key(id)));
    assert.deepEqual(got, ["key of fi_1 0", "key of fi_2 0", "key of fi_1 0"]);
    assert.deepEqual(asked, [["fi_1", "fi_2"]]);
    assert.equal(await keys.key("fi_2"), "key of fi_2 0");
    assert.equal(asked.length, 1);
  });

  it("asks again before a key runs out, and when it did not open its file", async () => {
    const { asked, keys, later } = keysOf();
    await keys.key("fi_1");
    later(565_000);
    assert.equal(await keys.key("fi_1"), "key of fi_1 0");
    later(10_000);
    assert.equal(await keys.key("fi_1"), "key of fi_1 575000");
    keys.forget("fi_1");
    await keys.key("fi_1");
    assert.equal(asked.length, 3);
  });

  it("asks for very many in several calls, and a failure is nobody's key", async () => {
    const { asked, keys } = keysOf();
    const ids = Array.from({ length: 150 }, (_, n) => `fi_${n}`);
    await Promise.all(ids.map((id) => keys.key(id)));
    assert.deepEqual(asked.map(({ length }) => length), [100, 50]);
    let fails = true;
    const shaky = new FileKeys(async ([id]) => {
      if (fails) throw new Error("offline");
      return { items: [{ id, key: "k" }], expires_in: 600 };
    });
    await assert.rejects(shaky.key("fi_1"));
    fails = false;
    assert.equal(await shaky.key("fi_1"), "k");
  });
});

describe("uploads", () => {
  const file = (name) => ({ name, size: 3 });

  it("are known that keep what a camera wrote", () => {
    for (const name of ["a.heic", "A.HEIF", "b.avif", "c.tif", "c.TIFF", "d.dng", "e.mov", "f.mp4"]) assert.ok(keepsPlace(file(name)), name);
    for (const type of ["image/heic", "image/avif", "image/tiff", "video/quicktime", "image/x-adobe-dng"]) assert.ok(keepsPlace({ name: "a", type }), type);
    for (const [name, type] of [["a.jpg", "image/jpeg"], ["b.png", "image/png"], ["c.webp", "image/webp"], ["heic.txt", "text/plain"], ["mov", ""]]) assert.equal(keepsPlace({ name, type }), false, name);
  });

  it("go out together when all are there", async () => {
    const waiting = [];
    const uploads = new Uploads((room, { name }) => new Promise((done, fail) => waiting.push({ room, name, done, fail })));
    uploads.add("r_1", [file("a"), file("b")]);
    assert.equal(uploads.areReady("r_1"), false);
    assert.deepEqual(uploads.take("r_1"), [], "nothing is taken half");
    waiting[1].done({ id: "fi_2" });
    waiting[0].done({ id: "fi_1" });
    await null;
    assert.deepEqual(uploads.take("r_1"), [{ id: "fi_1" }, { id: "fi_2" }]);
    assert.deepEqual([uploads.of("r_1"), uploads.areReady("r_1"), uploads.areReady(null)], [[], false, false]);
  });

  it("are sent once more when they are to be, and only those that failed", async () => {
    let isDown = true;
    const sent = [];
    const uploads = new Uploads(async (_room, { name }) => {
      sent.push(name);
      if (isDown && name !== "good") throw { code: name };
      return { id: name };
    });
    uploads.add("r_1", [file("good"), file("offline"), file("too_large")]);
    const settled = () => new Promise((wake) => setImmediate(wake));
    await settled();
    assert.deepEqual(uploads.of("r_1").map(({ state }) => state), ["ready", "failed", "failed"]);
    isDown = false;
    uploads.again(({ problem }) => problem.code === "offline");
    assert.deepEqual(uploads.of("r_1").map(({ state }) => state), ["ready", "sending", "failed"]);
    await settled();
    assert.deepEqual(uploads.of("r_1").map(({ state }) => state), ["ready", "ready", "failed"]);
    uploads.again(() => true);
    await settled();
    assert.deepEqual([sent, uploads.areReady("r_1")], [["good", "offline", "too_large", "offline", "too_large"], true]);
  });

  it("wait in their room, and one that failed can be taken away", async () => {
    const uploads = new Uploads(async (_room, { name }) => (name === "bad" ? Promise.reject("no") : { id: name }));
    uploads.add("r_1", [file("good"), file("bad")]);
    await new Promise((wake) => setTimeout(wake));
    assert.deepEqual(uploads.of("r_1").map(({ state }) => state), ["ready", "failed"]);
    assert.deepEqual(uploads.of("r_2"), []);
    uploads.drop("r_1", uploads.of("r_1")[1].key);
    assert.deepEqual(uploads.take("r_1"), [{ id: "good" }]);
    let most = 0;
    let now = 0;
    const polite = new Uploads(async () => {
      most = Math.max(most, (now += 1));
      await new Promise((wake) => setTimeout(wake, 1));
      now -= 1;
      return {};
    });
    polite.add("r_1", Array.from({ length: 9 }, (_, n) => file(`${n}`)));
    await new Promise((done) => polite.addEventListener("change", () => polite.areReady("r_1") && done(null)));
    assert.equal(most, 3, "a few at a time");
    uploads.add("r_1", Array.from({ length: 12 }, (_, n) => file(`${n}`)));
    assert.equal(uploads.of("r_1").length, 10);
  });
});
