// What the page says: the same in both languages, nothing that is asked for missing, and words for every refusal.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "web/js/words");

const inLanguage = async (locale) => {
  const files = (await readdir(FOLDER)).filter((name) => name === `${locale}.js` || name.endsWith(`.${locale}.js`));
  const parts = await Promise.all(files.map(async (name) => (await import(join(FOLDER, name))).default));
  const words = Object.assign({}, ...parts);
  assert.equal(Object.keys(words).length, parts.flatMap(Object.keys).length, `${locale}: a key stands twice`);
  return words;
};
const [en, ko] = await Promise.all([inLanguage("en"), inLanguage("ko")]);
/** English has other words for one of something; in Korean there need be none. */
const keys = (words) => Object.keys(words).filter((key) => !key.endsWith(".one")).sort();
const places = (text) => [...new Set(text.match(/\{\w+\}/gu) ?? [])].sort();

describe("words", () => {
  it("are there in both languages, with the same places to fill", () => {
    assert.deepEqual(keys(ko), keys(en));
    for (const key of keys(en)) assert.deepEqual(places(ko[key]), places(en[key]), key);
    for (const [key, text] of Object.entries(ko)) assert.ok(text.trim() && en[key] !== undefined, key);
  });

  it("are all there that templates and elements ask for", async () => {
    const html = await readFile(join(ROOT, "web/index.html"), "utf8");
    const asked = [...html.matchAll(/data-t(?:-\w+)?="([\w.-]+)"/gu)].map(([, key]) => key);
    assert.ok(asked.length > 150, String(asked.length));
    const folder = join(ROOT, "web/js/elements");
    for (const name of await readdir(folder)) {
      const code = await readFile(join(folder, name), "utf8");
      asked.push(...[...code.matchAll(/\btn?\("([\w.-]+)"/gu)].map(([, key]) => key));
      asked.push(...[...code.matchAll(/\bconfirm\("([\w.-]+)"/gu)].flatMap(([, key]) => [`${key}.title`, `${key}.text`, `${key}.do`]));
    }
    assert.deepEqual(asked.filter((key) => !(key in en)), []);
  });

  it("are there for every code of a refusal, and for its reasons", async () => {
    const protocol = await readFile(join(ROOT, "docs/protocol.md"), "utf8");
    const rows = protocol.split("# 4. Error codes")[1].split("# 5.")[0].split("\n").filter((line) => /^\| `/u.test(line));
    assert.ok(rows.length > 15, String(rows.length));
    const missing = [];
    for (const row of rows) {
      const [, code, , , means] = row.split("|").map((cell) => cell.trim());
      const name = code.replaceAll("`", "");
      if (!(`error.${name}` in en)) missing.push(name);
      const reasons = means.split("`reason`")[1] ?? "";
      for (const [, reason] of reasons.matchAll(/`(\w+)`/gu)) if (!(`error.${name}.${reason}` in en)) missing.push(`${name}.${reason}`);
    }
    assert.deepEqual(missing, []);
  });
});
