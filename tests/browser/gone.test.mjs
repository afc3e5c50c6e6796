// What is not there any more: messages whose time is over, people whose account is gone, a server that is away.
// And what does not fit in a field, in the reader's language.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DESKTOP, PASSWORD, PHONE, stage } from "./stage.mjs";

describe("what is not there any more", () => {
  const { now, person, say, sees, confirmed } = stage();
  const row = (page, text) => page.locator("message-timeline message-row", { hasText: text }).first();
  const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const room = (page) => page.evaluate(() => document.querySelector("chat-view").chat.current);
  const head = (page) => page.evaluate(() => document.querySelector("chat-view").chat.feed.timeline.position);
  const club = async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    const made = await server.call("POST", "/clubs", { name: "Runners" }, await tokens(mina));
    await server.call("POST", `/clubs/${made.id}/join`, {}, await tokens(jun));
    for (const page of [mina, jun]) {
      await page.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
      await page.locator(".subtitle", { hasText: "Runners" }).waitFor();
    }
    return [mina, jun];
  };
  const settings = async (page, menu = "What to do with this room", name = "Room settings") => {
    await page.getByRole("button", { name: menu }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
    return page.locator("room-settings");
  };
  /** What stands in a room up to a seq was said forty days ago. */
  const age = (id, upto) => {
    const program = `import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
with db:
    for table in ("room_event", "message"):
        db.execute(f"UPDATE {table} SET at = at - 3456000000 WHERE room_id = ? AND seq <= ?", (int(sys.argv[2]), int(sys.argv[3])))`;
    const { status, stderr } = spawnSync("python3", ["-c", program, join(now.server.folder, "moim.db"), id.replace("r_", ""), String(upto)]);
    assert.equal(status, 0, String(stderr));
  };

  it("goes from the page at once when a room keeps it no longer", async () => {
    const [mina, jun] = await club();
    for (const text of ["long ago", "just as long"]) await say(jun, text);
    await sees(mina, "just as long");
    await row(mina, "long ago").locator(".bubble").hover();
    await mina.locator('message-timeline message-actions [data-part="more"]').click();
    await mina.getByRole("menuitem", { name: "Pin", exact: true }).click();
    await row(jun, "long ago").getByText("pinned").waitFor();
    await mina.getByRole("button", { name: "Pins" }).click();
    await mina.locator("pin-panel .message-card", { hasText: "long ago" }).waitFor();
    age(await room(mina), await head(jun));
    await say(jun, "still fresh");
    await sees(mina, "still fresh");
    const form = await settings(mina);
    await form.getByLabel("Messages are kept").selectOption({ label: "30 days" });
    await form.getByRole("button", { name: "Save" }).click();
    for (const page of [mina, jun]) {
      await page.getByTestId("messages").getByText("Messages stay here for 30 days. What was before is gone.").waitFor();
      await row(page, "long ago").waitFor({ state: "detached" });
      assert.deepEqual(await page.locator("message-timeline message-row .bubble").allTextContents(), ["still fresh"]);
    }
    await mina.getByText("Nothing is pinned here yet.").waitFor();
    await settings(mina);
    assert.equal(await form.getByLabel("Messages are kept").locator("option:checked").textContent(), "30 days");
    await mina.reload();
    await sees(mina, "still fresh");
    assert.equal(await mina.locator("message-timeline message-row").count(), 1);
  });

  it("goes from the page of who was away when newcomers may not read it any more, and nothing else does", async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    const token = await tokens(mina);
    const group = await server.call("POST", "/rooms", { name: "friends" }, token);
    const post = (text, more) => server.call("POST", `/rooms/${group.id}/messages`, { text, ...more }, token);
    const old = await post("before jun came");
    const user_ids = [await jun.evaluate(() => document.querySelector("chat-view").chat.me.id)];
    await server.call("POST", `/rooms/${group.id}/members`, { user_ids }, token);
    const kept = await post("with jun", { reply_to: old.id });
    await jun.getByTestId("room-list").getByText("friends").click();
    await row(jun, "with jun").locator(".quote", { hasText: "mina: before jun came" }).waitFor();
    // A mark that only a message has that stayed.
    await jun.evaluate((id) => {
      const { chat } = document.querySelector("chat-view");
      chat.feed.message(id).stayed = true;
      chat.socket.stop();
    }, kept.id);
    await server.call("PATCH", `/rooms/${group.id}`, { history: "since_join" }, token);
    await post("while jun was away");
    await jun.evaluate(() => document.querySelector("chat-view").chat.socket.start());
    await sees(jun, "while jun was away");
    await row(jun, "with jun").locator(".quote", { hasText: "An earlier message" }).waitFor();
    assert.deepEqual(await jun.locator("message-timeline message-row .bubble").allTextContents(), ["with jun", "while jun was away"]);
    assert.equal(await jun.evaluate((id) => document.querySelector("chat-view").chat.feed.message(id).stayed, kept.id), true);
    const { items } = await server.call("GET", `/rooms/${group.id}/messages`, undefined, await tokens(jun));
    assert.deepEqual(items.map(({ text }) => text), ["with jun", "while jun was away"]);
  });

  it("is called otherwise everywhere when an account is gone, without looking again", async () => {
    const [mina, sora] = [await person("mina"), await person("sora", DESKTOP, "ko-KR")];
    const jun = await now.server.register("jun");
    const { id } = await now.server.lobby(jun.access_token);
    const dm = await now.server.call("POST", "/dms", { user_id: await mina.evaluate(() => document.querySelector("chat-view").chat.me.id) }, jun.access_token);
    await now.server.call("POST", `/rooms/${dm.id}/messages`, { text: "psst" }, jun.access_token);
    await mina.getByTestId("room-list").getByText("jun").waitFor();
    const said = await now.server.call("POST", `/rooms/${id}/messages`, { text: "I was here" }, jun.access_token);
    await sees(mina, "I was here");
    await now.server.call("POST", `/rooms/${id}/messages`, { text: "were you", reply_to: said.id }, await tokens(mina));
    await row(mina, "were you").locator(".quote", { hasText: "jun: I was here" }).waitFor();
    await mina.locator(".byline .name", { hasText: "jun" }).waitFor();
    await now.server.call("DELETE", "/me", { password: PASSWORD }, jun.access_token);
    for (const [page, name, gone] of [[mina, "Deleted user", "This message was deleted."], [sora, "탈퇴한 사람", "삭제된 메시지예요."]]) {
      await page.locator("message-row.is-deleted .byline .name", { hasText: name }).waitFor();
      await row(page, "were you").locator(".quote", { hasText: `${name}: ${gone}` }).waitFor();
      await page.locator(".quiet-row", { hasText: name }).first().waitFor();
      assert.equal(await page.locator("message-row.is-deleted .avatar").first().textContent(), "·");
      await page.locator("member-panel .member", { hasText: "jun" }).waitFor({ state: "detached" });
      assert.equal(await page.locator("message-timeline").getByText("jun").count(), 0);
    }
    await mina.getByTestId("room-list").getByText("Deleted user").click();
    await mina.getByRole("heading", { level: 1, name: "Deleted user" }).waitFor();
    await mina.getByRole("button", { name: "한국어" }).click();
    await mina.getByRole("heading", { level: 1, name: "탈퇴한 사람" }).waitFor();
    await mina.getByTestId("room-list").getByText("탈퇴한 사람").waitFor();
    await mina.getByPlaceholder("탈퇴한 사람에 메시지 쓰기").waitFor();
  });

  it("shows who was there while the server is away, and that this is the last that was seen", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    const here = mina.locator("member-panel .is-here");
    await here.filter({ hasText: "jun" }).waitFor();
    await now.server.kill();
    await mina.locator("member-panel.is-stale").waitFor();
    await mina.getByText("Connecting again. This is how it was last.").waitFor();
    assert.equal(await here.count(), 2);
    assert.match(await mina.locator("member-panel h3").first().textContent(), /^Online · 2/u);
    assert.equal(await mina.locator("member-panel li:not(.is-here)").count(), 0);
    await mina.getByRole("button", { name: "한국어" }).click();
    await mina.getByText("다시 연결하고 있어요. 마지막으로 본 모습이에요.").waitFor();
    await jun.close();
    await now.server.run();
    await mina.locator("member-panel:not(.is-stale)").waitFor();
    await here.filter({ hasText: "jun" }).waitFor({ state: "detached" });
    await mina.locator("member-panel li", { hasText: "jun" }).waitFor();
  });

  it("says what does not fit at its field, in the reader's language", async () => {
    const mina = await person("mina", PHONE, "ko-KR");
    await now.server.call("POST", "/clubs", { name: "Runners" }, await tokens(mina));
    await mina.getByTestId("room-list").locator(".section", { hasText: "Runners" }).getByText("general").click();
    const form = await settings(mina, "이 방 메뉴", "방 설정");
    const name = form.getByLabel("방 이름");
    const persona = form.getByLabel("도우미의 말투와 역할");
    // What the page itself keeps from being typed.
    for (const input of [name, persona]) await input.evaluate((element) => element.removeAttribute("maxlength"));
    await name.fill("가".repeat(51));
    await persona.fill("가".repeat(501));
    await form.getByRole("button", { name: "저장" }).click();
    const help = (input) => input.evaluate((element) => document.getElementById(element.getAttribute("aria-describedby")).textContent);
    await form.locator('[aria-invalid="true"]').nth(1).waitFor();
    assert.deepEqual([await help(name), await help(persona)], ["1~50자로 정해 주세요.", "500자까지 쓸 수 있어요."]);
    assert.ok(await name.evaluate((element) => element === document.activeElement));
    assert.equal(await form.locator(".form-problem").isVisible(), false);
    const isWide = () => form.locator("dialog").evaluate(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth);
    assert.equal(await isWide(), false);
    assert.doesNotMatch(await form.textContent(), /must|longer|name|persona/u);
    await name.fill("새 이름");
    await persona.fill("");
    await form.getByRole("button", { name: "저장" }).click();
    await mina.getByRole("heading", { level: 1, name: "새 이름" }).waitFor();
    assert.equal(await form.locator('[aria-invalid="true"]').count(), 0);
    // The name is there before the answer is, and what is behind a dialog takes no keys.
    await form.locator("dialog").waitFor({ state: "hidden" });
    await say(mina, "됐다");
    await confirmed(mina, "됐다");
  });
});
