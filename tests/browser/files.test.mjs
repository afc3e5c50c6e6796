// Files in the page: attached, sent, seen by others; and nothing of them runs.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { deflateSync, crc32 } from "node:zlib";
import { stage } from "./stage.mjs";

/** A picture of one colour, as a file. */
function png(width, height) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const line = Buffer.alloc(1 + width * 3, 120);
  line[0] = 0;
  const data = deflateSync(Buffer.concat(Array.from({ length: height }, () => line)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

const attach = (page, files) => page.getByTestId("files").setInputFiles(files);
const picture = (name, width = 1280, height = 800) => ({ name, mimeType: "image/png", buffer: png(width, height) });
const text = (name, words) => ({ name, mimeType: "text/html", buffer: Buffer.from(words) });
const isDrawn = (page, name) =>
  page.waitForFunction((alt) => {
    const image = document.querySelector(`file-strip img[alt="${alt}"]`);
    return image?.complete && image.naturalWidth > 0;
  }, name);

describe("files in the page", () => {
  const { person, say, sees, online, now } = stage();

  it("are attached, sent, and drawn for everybody", async () => {
    const [mina, bob] = [await person("mina"), await person("bob")];
    await online(bob);
    await attach(mina, [picture("walk.png"), text("notes.txt", "what we said")]);
    await mina.locator('upload-tray .upload[data-state="ready"]').nth(1).waitFor();
    await mina.getByTestId("send").click();
    for (const page of [mina, bob]) {
      await isDrawn(page, "walk.png");
      await page.locator("file-strip .file", { hasText: "notes.txt" }).waitFor();
    }
    const box = await bob.locator("file-strip img").evaluate((image) => [image.width, image.height, image.naturalWidth]);
    assert.deepEqual(box, [320, 200, 640], "the small copy, in a place that was kept for it");
    assert.equal(await mina.locator("upload-tray .upload").count(), 0);
    assert.equal(await mina.locator("message-row .bubble:visible").count(), 0, "no empty bubble");
    const [saved] = await Promise.all([bob.waitForEvent("popup"), bob.locator("file-strip .file").click()]);
    await saved.waitForLoadState();
    assert.equal(await saved.evaluate(() => document.body.innerText), "what we said");
    await say(mina, "and a word");
    await sees(bob, "and a word");
  });

  it("that hold a page run nothing, whatever they are called", async () => {
    const mina = await person("mina");
    const script = "<script>top.hacked = 1; fetch('/v1/me')</script>";
    const names = ["page.html", "photo.png", "<img src=x onerror=alert(1)>.html"];
    await attach(mina, names.map((name) => text(name, `<!doctype html><title>x</title>${script}`)));
    await mina.locator('upload-tray .upload[data-state="ready"]').nth(2).waitFor();
    await mina.getByTestId("send").click();
    await mina.locator("file-strip .file").nth(2).waitFor();
    for (let n = 0; n < 3; n += 1) {
      const [download] = await Promise.all([mina.waitForEvent("download"), mina.locator("file-strip .file").nth(n).click()]);
      assert.ok(download.url().startsWith(`${now.server.url}/files/fi_`));
      await download.cancel();
    }
    assert.equal(await mina.evaluate(() => globalThis.hacked), undefined);
    assert.equal(await mina.locator("file-strip img").count(), 0);
  });

  it("that keep what a camera wrote wait until their sender knows", async () => {
    const mina = await person("mina");
    const heic = { name: "walk.heic", mimeType: "image/heic", buffer: Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic") };
    const asked = mina.locator("ask-dialog dialog[open]");
    await attach(mina, [heic, text("notes.txt", "a")]);
    await asked.getByText("walk.heic").waitFor();
    await mina.locator('upload-tray .upload[data-state="ready"]').waitFor();
    await mina.keyboard.press("Escape");
    assert.equal(await mina.locator("upload-tray .upload").count(), 1, "the other file alone");
    await attach(mina, [heic]);
    await asked.getByRole("button", { name: "Upload as it is" }).click();
    await mina.locator('upload-tray .upload[data-state="ready"]').nth(1).waitFor();
  });

  it("that are refused say why, and can be taken away", async () => {
    const mina = await person("mina");
    const bomb = png(1, 1);
    bomb.writeUInt32BE(50_000, 16);
    bomb.writeUInt32BE(50_000, 20);
    await attach(mina, [{ name: "bomb.png", mimeType: "image/png", buffer: bomb }]);
    const chip = mina.locator('upload-tray .upload[data-state="failed"]');
    await chip.getByText("too large to be looked at").waitFor();
    await mina.getByTestId("composer").fill("words");
    assert.equal(await mina.getByTestId("send").isDisabled(), true, "nothing goes out half");
    await chip.getByRole("button").click();
    await mina.getByTestId("send").click();
    await sees(mina, "words");
  });

  it("hold up the message that brings them, which goes when they are there", async () => {
    const mina = await person("mina");
    // The upload stands still until somebody lets it go on.
    let go;
    const held = new Promise((wake) => (go = wake));
    await mina.route(/\/files\?name=/u, async (route) => {
      await held;
      await route.continue();
    });
    await attach(mina, [text("notes.txt", "a")]);
    await mina.locator('upload-tray .upload[data-state="sending"]').waitFor();
    await say(mina, "with a file");
    await mina.getByText("Goes out with its files…").waitFor();
    assert.deepEqual([await mina.getByTestId("composer").inputValue(), await mina.locator("message-row").count()], ["with a file", 0]);
    go();
    await mina.locator('message-row[data-state="confirmed"]', { hasText: "with a file" }).locator("file-strip .file").waitFor();
    assert.deepEqual([await mina.getByTestId("composer").inputValue(), await mina.locator("message-row").count()], ["", 1]);
  });

  it("that could not go out while the server was away go by themselves when it is back", async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    await server.kill();
    await mina.locator('.brand status-pill:not([data-status="online"])').waitFor();
    await attach(mina, [text("notes.txt", "a")]);
    const chip = mina.locator("upload-tray .upload");
    await chip.getByRole("button", { name: "Try again" }).waitFor();
    await mina.getByTestId("composer").fill("with a file");
    await server.run();
    await Promise.all([online(mina), online(jun)]);
    await mina.locator('upload-tray .upload[data-state="ready"]').waitFor();
    await mina.getByTestId("composer").press("Enter");
    await jun.locator("message-row", { hasText: "with a file" }).locator("file-strip .file", { hasText: "notes.txt" }).waitFor();
  });

  it("leave a room at its end, however late they are drawn", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    for (let at = 1; at <= 30; at += 1) await server.call("POST", `/rooms/${id}/messages`, { text: `row ${at}`, cid: `c-${at}` }, jun.access_token);
    const mina = await person("mina");
    await attach(mina, [text("notes.txt", "a"), picture("photo.png", 600, 400)]);
    await mina.locator('upload-tray .upload[data-state="ready"]').nth(1).waitFor();
    await say(mina, "two files");
    await isDrawn(mina, "photo.png");
    await mina.getByRole("button", { name: "New conversation" }).click();
    await mina.getByLabel("Find people").first().fill("jun");
    await mina.locator("talk-dialog").getByRole("button", { name: "jun @jun" }).click();
    await mina.getByRole("heading", { level: 1, name: "jun" }).waitFor();
    await mina.getByTestId("room-list").getByText("general").click();
    await isDrawn(mina, "photo.png");
    await mina.waitForFunction(() => {
      const { scrollTop, clientHeight, scrollHeight } = document.querySelector('[data-testid="messages"]');
      return scrollHeight > clientHeight && scrollHeight - clientHeight - scrollTop < 50;
    });
    assert.equal(await mina.getByRole("button", { name: "Latest messages" }).isVisible(), false);
  });
});
