// Where one is in the page and what one had begun: over a reload, a sign-in, a lost line; and how it holds long names, long lists and piled up marks.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DESKTOP, PASSWORD, PHONE, stage } from "./stage.mjs";

const LONG = "가나다라 ".repeat(9) + "WWWWW";

describe("a place in the page", () => {
  const { now, visit, person, say, sees, confirmed, online } = stage();
  const token = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const send = (room, text, who) => now.server.call("POST", `/rooms/${room}/messages`, { text }, who.access_token);
  const current = (page, name) => page.locator("room-list [aria-current]", { hasText: name }).waitFor();

  it("is where a link led to when one had to sign in first", async () => {
    const mina = await now.server.register("mina");
    const { id } = await now.server.call("POST", "/rooms", { name: "plans" }, mina.access_token);
    for (let at = 1; at <= 70; at += 1) await send(id, `line ${at}`, mina);
    for (const link of [`/rooms/${id}?at=2`, `/#/${id}?at=2`]) {
      const page = await visit(DESKTOP);
      await page.goto(`${now.server.url}${link}`);
      await page.reload();
      await page.getByTestId("username").fill("mina");
      await page.getByTestId("password").fill(PASSWORD);
      await page.getByTestId("sign-in").click();
      await current(page, "plans");
      await page.waitForFunction(() => {
        const row = [...document.querySelectorAll("message-row")].find((one) => one.querySelector(".bubble")?.textContent === "line 2");
        const box = row?.getBoundingClientRect();
        return box && box.top > 0 && box.bottom < innerHeight;
      });
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByTestId("username").waitFor();
      assert.equal(new URL(page.url()).hash, "", "who goes leaves no place behind");
    }
  });

  it("keeps what was begun over a reload, until it is sent", async () => {
    const mina = await person("mina");
    await now.server.call("POST", "/rooms", { name: "plans" }, await token(mina));
    await mina.getByTestId("composer").fill("half a thought");
    await mina.getByTestId("room-list").getByText("plans").click();
    await current(mina, "plans");
    await mina.reload();
    await current(mina, "plans");
    assert.equal(await mina.getByTestId("composer").inputValue(), "");
    await mina.getByTestId("room-list").getByText("general").click();
    await current(mina, "general");
    assert.equal(await mina.getByTestId("composer").inputValue(), "half a thought");
    await mina.getByTestId("composer").press("Enter");
    await confirmed(mina, "half a thought");
    await mina.reload();
    await sees(mina, "half a thought");
    assert.equal(await mina.getByTestId("composer").inputValue(), "");
  });

  it("takes files that are let go over the conversation, and is left for none", async () => {
    const mina = await person("mina");
    const drop = (over) =>
      mina.evaluate((selector) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["what we said"], "notes.txt", { type: "text/plain" }));
        const events = ["dragover", "drop"].map((type) => new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
        for (const event of events) document.querySelector(selector).dispatchEvent(event);
        return events.every(({ defaultPrevented }) => defaultPrevented);
      }, over);
    assert.ok(await drop("room-list"));
    assert.ok(await drop("message-timeline"));
    await mina.locator('upload-tray .upload[data-state="ready"]', { hasText: "notes.txt" }).waitFor();
    assert.equal(await mina.locator("upload-tray .upload").count(), 1);
  });

  it("shows counts beside names of any length, and the room one is in however long the list is", async () => {
    const [mina, jun] = [await person("mina"), await now.server.register("jun")];
    const me = await now.server.call("GET", "/me", undefined, await token(mina));
    const group = (name) => now.server.call("POST", "/rooms", { name, member_ids: [me.user.id] }, jun.access_token);
    const { id } = await group(LONG);
    for (let at = 10; at < 40; at += 1) await group(`z ${at}`);
    await send(id, "@mina look", jun);
    const link = mina.locator("room-list .room", { hasText: "가나다라" });
    for (const badge of ["mentions", "unread"]) await link.locator(`[data-part="${badge}"]`).waitFor();
    const isInside = (selector) =>
      mina.locator(selector).first().evaluate((element) => {
        const box = element.getBoundingClientRect();
        const list = element.closest(".rooms, .panel").getBoundingClientRect();
        return { across: box.left >= list.left && box.right <= list.right, down: box.top >= list.top && box.bottom <= list.bottom };
      });
    assert.ok((await isInside('room-list .is-unread [data-part="unread"]:visible')).across);
    await mina.getByRole("button", { name: "Notifications" }).click();
    await mina.locator("inbox-panel .message-card", { hasText: "look" }).waitFor();
    assert.ok((await isInside("inbox-panel .message-card time")).across);
    await mina.getByTestId("room-list").getByText("z 39").click();
    await mina.reload();
    await current(mina, "z 39");
    await mina.waitForFunction(() => document.querySelector("room-list [aria-current]").getBoundingClientRect().bottom < innerHeight);
    assert.deepEqual(await isInside("room-list [aria-current]"), { across: true, down: true });
  });

  it("keeps marks that are piled up on a letter with what they were said in", async () => {
    const mina = await person("mina");
    await say(mina, `e${"\u0301".repeat(400)}`);
    await mina.locator('message-row[data-state="confirmed"]').waitFor();
    assert.equal(await mina.locator("message-row .bubble").evaluate((bubble) => getComputedStyle(bubble).overflowY), "clip");
  });

  it("shows on a phone where the back button leads, whatever lay over it", async () => {
    const mina = await person("mina", PHONE);
    await mina.getByTestId("room-list").getByText("general").click();
    await mina.getByTestId("composer").waitFor();
    await mina.getByRole("button", { name: "Members" }).click();
    await mina.getByRole("heading", { name: "Members" }).waitFor();
    await mina.goBack();
    await mina.getByTestId("room-list").waitFor();
    await mina.getByRole("heading", { name: "Members" }).waitFor({ state: "hidden" });
  });

  it("fetches a list that could not be had, when the line is back", async () => {
    const [mina, jun] = [await person("mina"), await now.server.register("jun")];
    const me = await now.server.call("GET", "/me", undefined, await token(mina));
    const { id } = await now.server.call("POST", "/rooms", { name: "plans", member_ids: [me.user.id] }, jun.access_token);
    await send(id, "@mina look", jun);
    const badge = mina.locator("room-list [data-part=inbox-unread]");
    await badge.waitFor();
    // What came with the line is there without asking.
    await mina.reload();
    await badge.waitFor();
    await now.server.kill();
    await mina.getByRole("button", { name: "Notifications" }).click();
    await mina.getByText("The server does not answer.").first().waitFor();
    assert.equal(await mina.locator("inbox-panel .message-card").count(), 0);
    await now.server.run();
    await online(mina);
    await mina.locator("inbox-panel .message-card", { hasText: "look" }).waitFor();
  });
});
