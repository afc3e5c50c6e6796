// Talking: two people, a killed server, unread counts, history, and text that would like to be code.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PASSWORD, PHONE, stage } from "./stage.mjs";

describe("the conversation", () => {
  const { now, visit, register, person, say, sees, confirmed, texts, online, unread } = stage();

  it("lets two people register and talk both ways", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    await say(mina, "안녕, jun");
    await sees(jun, "안녕, jun");
    await say(jun, "hello mina");
    await sees(mina, "hello mina");
    assert.equal(await mina.getByTestId("composer").inputValue(), "");
    assert.equal(await mina.evaluate(() => document.activeElement?.id), "composer");
    assert.deepEqual((await texts(mina)).slice(-2), (await texts(jun)).slice(-2));
  });

  it("shows one element of each mark at a time", async () => {
    const page = await visit();
    const visible = async (...marks) => {
      for (const mark of marks) assert.equal(await page.getByTestId(mark).filter({ visible: true }).count(), 1, mark);
    };
    await page.getByTestId("sign-in").waitFor();
    await visible("to-register", "username", "password", "sign-in");
    await page.getByTestId("to-register").click();
    await visible("username", "password", "register");
    assert.equal(await page.getByTestId("sign-in").isVisible(), false);
    await page.getByTestId("username").fill("mina");
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("register").click();
    await page.getByTestId("composer").waitFor();
    await visible("room-list", "messages", "composer", "send");
  });

  it("says what is wrong with a sign-in, and signs in, out and in again", async () => {
    const page = await person("mina");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByTestId("username").fill("mina");
    await page.getByTestId("password").fill("wrong password");
    await page.getByTestId("sign-in").click();
    await page.getByText("Username or password is not right.").waitFor();
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("sign-in").click();
    await page.getByTestId("composer").waitFor();
    const other = await visit();
    await other.getByTestId("to-register").click();
    await other.getByTestId("username").fill("Mina");
    await other.getByTestId("password").fill(PASSWORD);
    await other.getByTestId("register").click();
    await other.getByText("That username is taken.").waitFor();
  });

  it("stays signed in over a reload and opens the same room", async () => {
    const page = await person("mina");
    await say(page, "before the reload");
    await confirmed(page, "before the reload");
    await page.reload();
    await sees(page, "before the reload");
    await page.getByTestId("composer").waitFor();
  });

  it("loses and doubles nothing when the server is killed, and sends what was written meanwhile", async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    for (const text of ["one", "two"]) await say(mina, text);
    await sees(jun, "two");
    await confirmed(mina, "two");
    await server.kill();
    await mina.locator('.brand status-pill:not([data-status="online"])').waitFor();
    await say(mina, "three, written while it was down");
    await say(mina, "four, too");
    await mina.locator('message-row[data-state="sending"]').last().waitFor();
    await server.run();
    await Promise.all([online(mina), online(jun)]);
    await sees(jun, "four, too");
    await confirmed(mina, "four, too");
    await say(jun, "five");
    await sees(mina, "five");
    const wanted = ["one", "two", "three, written while it was down", "four, too", "five"];
    assert.deepEqual(await texts(mina), wanted);
    assert.deepEqual(await texts(jun), wanted);
  });

  it("goes on without a reload: a thread, a draft and what is done next", async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    await say(mina, "about the gate");
    await sees(jun, "about the gate");
    await jun.evaluate(() => { window.mark = "same"; });
    await jun.locator("message-row", { hasText: "about the gate" }).locator(".bubble").hover();
    await jun.locator('message-timeline message-actions [data-part="to-thread"]').click();
    await jun.getByTestId("composer").fill("half a thought");
    await server.kill();
    await jun.locator('.brand status-pill:not([data-status="online"])').waitFor();
    await jun.getByTestId("thread-composer").fill("which one?");
    await jun.getByTestId("thread-composer").press("Enter");
    await jun.locator('thread-panel message-row[data-state="sending"]', { hasText: "which one?" }).waitFor();
    // What is no message cannot wait, and says so.
    await jun.locator("message-timeline message-row", { hasText: "about the gate" }).locator(".bubble").hover();
    await jun.locator("message-timeline message-actions .quick button").first().click();
    await jun.getByText("The server does not answer.").waitFor();
    await server.run();
    await Promise.all([online(mina), online(jun)]);
    await jun.locator('thread-panel message-row[data-state="confirmed"]', { hasText: "which one?" }).waitFor();
    await mina.locator("message-row", { hasText: "about the gate" }).locator(".thread-chip", { hasText: "1 reply" }).waitFor();
    assert.deepEqual([await jun.getByTestId("composer").inputValue(), await jun.evaluate(() => window.mark)], ["half a thought", "same"]);
    await jun.locator("message-timeline message-actions .quick button").first().click();
    await mina.locator("message-row .reaction", { hasText: "1" }).waitFor();
    assert.equal(await jun.locator("thread-panel message-row", { hasText: "which one?" }).count(), 1);
  });

  it("keeps an unsent message over a reload and sends it once", async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    await server.kill();
    await mina.locator('.brand status-pill:not([data-status="online"])').waitFor();
    await say(mina, "kept in the pocket");
    await mina.locator('message-row[data-state="sending"]').waitFor();
    await server.run();
    await mina.reload();
    await Promise.all([online(mina), online(jun)]);
    await sees(jun, "kept in the pocket");
    await confirmed(mina, "kept in the pocket");
    assert.equal((await texts(jun)).filter((text) => text === "kept in the pocket").length, 1);
    assert.equal((await texts(mina)).filter((text) => text === "kept in the pocket").length, 1);
  });

  it("counts unread exactly, and clears it when the room was really seen", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const mina = await person("mina", PHONE);
    const { id } = await server.lobby(jun.access_token);
    for (let turn = 1; turn <= 7; turn += 1) {
      await server.call("POST", `/rooms/${id}/messages`, { text: turn === 5 ? "hey @mina" : `news ${turn}`, cid: `c-${turn}` }, jun.access_token);
    }
    await unread(mina, 7);
    await mina.locator('room-list [data-part="mentions"]', { hasText: "@1" }).waitFor();
    assert.match(await mina.title(), /^\(7\)/);
    await mina.getByTestId("room-list").getByText("general").click();
    await sees(mina, "news 7");
    await mina.getByRole("button", { name: "Back to rooms" }).click();
    await unread(mina, 0);
    assert.equal(await mina.title(), "Moim");
    await server.call("POST", `/rooms/${id}/messages`, { text: "one more", cid: "c-8" }, jun.access_token);
    await unread(mina, 1);
    await mina.reload();
    await unread(mina, 1);
  });

  it("shows history by scrolling up, every message once and in order", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    const wanted = Array.from({ length: 130 }, (_, at) => `line ${at + 1}`);
    for (const text of wanted) await server.call("POST", `/rooms/${id}/messages`, { text, cid: `c ${text}` }, jun.access_token);
    const mina = await person("mina");
    await sees(mina, "line 130");
    assert.ok((await texts(mina)).length < 130);
    const log = mina.getByTestId("messages");
    await log.hover();
    while (!(await mina.getByText("This is the beginning of general.").count())) {
      const count = (await texts(mina)).length;
      await log.evaluate((element) => (element.scrollTop = 0));
      await mina.waitForFunction(
        (before) => document.querySelectorAll("message-row").length > before || document.querySelector(".history")?.textContent.includes("beginning"),
        count,
      );
    }
    assert.deepEqual(await texts(mina), wanted);
    await mina.getByRole("button", { name: "Latest messages" }).click();
    await mina.waitForFunction(() => {
      const { scrollTop, clientHeight, scrollHeight } = document.querySelector('[data-testid="messages"]');
      return scrollHeight - clientHeight - scrollTop < 50;
    });
  });

  it("keeps the place of a reader who scrolled up when older messages come above", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    for (let at = 1; at <= 120; at += 1) await server.call("POST", `/rooms/${id}/messages`, { text: `row ${at}`, cid: `c-${at}` }, jun.access_token);
    const mina = await person("mina");
    await sees(mina, "row 120");
    const log = mina.getByTestId("messages");
    const where = () => log.evaluate((element) => {
      const box = element.getBoundingClientRect();
      const first = [...element.querySelectorAll("message-row")].find((row) => row.getBoundingClientRect().bottom > box.top + 40);
      return { text: first.querySelector(".bubble").textContent, top: Math.round(first.getBoundingClientRect().top) };
    });
    const count = (await texts(mina)).length;
    const before = await log.evaluate((element) => {
      element.scrollTop = 500;
      const box = element.getBoundingClientRect();
      const first = [...element.querySelectorAll("message-row")].find((row) => row.getBoundingClientRect().bottom > box.top + 40);
      return { text: first.querySelector(".bubble").textContent, top: Math.round(first.getBoundingClientRect().top) };
    });
    await mina.waitForFunction((known) => document.querySelectorAll("message-row").length > known, count);
    const after = await where();
    assert.equal(after.text, before.text);
    assert.ok(Math.abs(after.top - before.top) <= 2, `${JSON.stringify(before)} → ${JSON.stringify(after)}`);
  });

  it("shows what looks like markup as text", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    const nasty = [
      "<img src=x onerror=\"window.hacked=1\">", "<script>window.hacked=1</script>", "javascript:window.hacked=1",
      "<a href='https://x.example'>x</a>", "\"><svg onload=window.hacked=1>", "{{constructor}} ${1+1} &lt;b&gt;",
    ];
    for (const text of nasty) await say(mina, text);
    for (const page of [mina, jun]) {
      await page.locator("message-row", { hasText: "constructor" }).waitFor();
      await page.waitForFunction((count) => document.querySelectorAll("message-row").length === count, nasty.length);
      assert.deepEqual(await texts(page), nasty);
      assert.equal(await page.locator('[data-testid="messages"] :is(img, script, iframe, [onload], [onerror])').count(), 0);
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      const targets = await page.locator(".bubble a").evaluateAll((links) => links.map((link) => link.protocol));
      assert.ok(targets.every((protocol) => protocol === "https:"));
    }
  });
});
