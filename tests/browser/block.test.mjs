// People who want nothing to do with one another: blocking, the way back, and why something is refused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PHONE, stage } from "./stage.mjs";

describe("people who are blocked", () => {
  const { now, person, say, sees, confirmed } = stage();
  const token = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const id = (page) => page.evaluate(() => document.querySelector("chat-view").chat.me.id);
  const done = (page, name) => page.locator("ask-dialog").getByRole("button", { name, exact: true }).click();
  const card = async (page, who) => {
    await page.locator("member-panel .member", { hasText: who }).click();
    return page.locator("person-card");
  };
  const roomMenu = async (page, name) => {
    await page.getByRole("button", { name: "What to do with this room" }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  /** Whom somebody has blocked, as the server knows it. */
  const blocked = async (page) => {
    const { items } = await now.server.call("GET", "/me/blocks", undefined, await token(page));
    return items.map(({ user }) => user.username);
  };
  const apart = (page) => page.locator('.conversation message-composer [data-part="apart"]');
  /** Mina and jun in the room of the two. */
  const together = async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    await (await card(mina, "jun")).getByRole("button", { name: "Message", exact: true }).click();
    await mina.getByRole("heading", { level: 1, name: "jun" }).waitFor();
    await say(mina, "psst");
    await jun.getByTestId("room-list").getByText("mina").click();
    await sees(jun, "psst");
    return [mina, jun];
  };

  it("shuts the room of the two, and opens it again when nobody blocks the other any more", async () => {
    const { server } = now;
    const [mina, jun] = await together();
    await roomMenu(mina, "Block");
    await mina.locator("ask-dialog").getByText("They are not told.").waitFor();
    await mina.locator("ask-dialog").getByRole("button", { name: "Cancel" }).click();
    assert.deepEqual(await blocked(mina), []);
    await roomMenu(mina, "Block");
    await done(mina, "Block");
    await mina.getByText("You have blocked jun.", { exact: true }).waitFor();
    await apart(mina).getByText("You have blocked jun, so neither of you can write here.").waitFor();
    await apart(jun).getByText("One of you has blocked the other, so neither can write here.").waitFor();
    assert.ok(await mina.getByRole("button", { name: "What to do with this room" }).evaluate((button) => button === document.activeElement));
    assert.equal(await apart(jun).getByRole("button").count(), 0);
    for (const page of [mina, jun]) {
      assert.equal(await page.getByTestId("composer").isDisabled(), true);
      assert.equal(await page.getByTestId("composer").getAttribute("placeholder"), "Nobody writes here now");
      await sees(page, "psst");
    }
    assert.deepEqual(await blocked(mina), ["jun"]);
    const room = await jun.evaluate(() => document.querySelector("chat-view").chat.current);
    await assert.rejects(server.call("POST", `/rooms/${room}/messages`, { text: "please" }, await token(jun)), /403 .*"blocked"/u);
    // It stands after a reload as well, and in the list of members.
    await mina.reload();
    await apart(mina).getByText("You have blocked jun").waitFor();
    await mina.getByTestId("room-list").getByText("general").click();
    await mina.locator("member-panel .member", { hasText: "jun" }).getByText("blocked", { exact: true }).waitFor();
    // Jun blocks back: who takes theirs back has not opened it yet.
    await jun.getByTestId("room-list").getByText("general").click();
    await (await card(jun, "mina")).getByRole("button", { name: "Block", exact: true }).click();
    await done(jun, "Block");
    await jun.getByText("You have blocked mina.", { exact: true }).waitFor();
    await mina.getByTestId("room-list").getByText("jun").click();
    await apart(mina).getByRole("button", { name: "Unblock" }).click();
    await apart(mina).getByText("One of you has blocked the other, so neither can write here.").waitFor();
    assert.ok(await apart(mina).evaluate((note) => note === document.activeElement));
    assert.deepEqual([await blocked(mina), await blocked(jun)], [[], ["mina"]]);
    const about = await card(jun, "mina");
    await about.getByText("You have blocked them.").waitFor();
    // What was said may still be read.
    await about.getByRole("button", { name: "Message", exact: true }).click();
    await apart(jun).getByRole("button", { name: "Unblock" }).click();
    await apart(mina).waitFor({ state: "hidden" });
    await jun.locator("#composer:enabled:focus").waitFor();
    await jun.keyboard.type("peace?");
    await jun.keyboard.press("Enter");
    await sees(mina, "peace?");
    await say(mina, "peace.");
    await sees(jun, "peace.");
  });

  it("says why a message, a talk and an invitation are refused, and does not offer to call", async () => {
    const { server } = now;
    const [mina, jun] = await together();
    await server.register("sora");
    await server.call("PUT", `/users/${await id(mina)}/block`, undefined, await token(jun));
    await apart(mina).waitFor();
    // Written before that was heard.
    await mina.evaluate(() => document.querySelector("chat-view").chat.send("too late"));
    await mina.locator("message-row.is-mine", { hasText: "too late" }).getByText("Not sent. One of you has blocked the other.").waitFor();
    await mina.getByTestId("room-list").getByText("general").click();
    const groups = async () => (await server.call("GET", "/rooms", undefined, await token(mina))).items.filter(({ kind }) => kind === "group");
    const dialog = mina.locator("talk-dialog");
    const pick = async (name) => {
      const panel = dialog.locator("[role=tabpanel]:not([hidden])");
      await panel.getByRole("searchbox").fill(name);
      await panel.locator(".found button", { hasText: `@${name}` }).click();
    };
    await mina.getByRole("button", { name: "New conversation" }).click();
    await dialog.getByRole("tab", { name: "A group" }).click();
    await dialog.getByLabel("Name of the group").fill("friends");
    await pick("sora");
    await pick("jun");
    await dialog.getByRole("button", { name: "Start the group" }).click();
    await dialog.getByText("Nobody was invited: one of these people has blocked you.").waitFor();
    assert.deepEqual(await groups(), []);
    await mina.keyboard.press("Escape");
    // Who has blocked somebody is told whom.
    await server.call("DELETE", `/users/${await id(mina)}/block`, undefined, await token(jun));
    await (await card(mina, "jun")).getByRole("button", { name: "Block", exact: true }).click();
    await done(mina, "Block");
    await mina.getByText("You have blocked jun.", { exact: true }).waitFor();
    await mina.getByRole("button", { name: "New conversation" }).click();
    await dialog.getByRole("tab", { name: "A group" }).click();
    await dialog.getByLabel("Name of the group").fill("friends");
    await pick("sora");
    await pick("jun");
    await dialog.locator("[role=tabpanel]:not([hidden]) .found", { hasText: "@jun · blocked" }).waitFor();
    await dialog.getByRole("button", { name: "Start the group" }).click();
    await dialog.getByText("Nobody was invited: you have blocked jun.").waitFor();
    assert.deepEqual(await groups(), []);
    await mina.keyboard.press("Escape");
    await mina.getByTestId("composer").fill("@");
    await mina.getByTestId("composer").press("s");
    await mina.locator("mention-list .mention-item", { hasText: "@sora" }).waitFor();
    await mina.getByTestId("composer").fill("@");
    await mina.getByTestId("composer").press("j");
    await mina.locator(".conversation mention-list").waitFor({ state: "hidden" });
    await server.call("DELETE", `/users/${await id(jun)}/block`, undefined, await token(mina));
  });

  it("lists in one's own account whom one has blocked, on a phone and in Korean, and takes it back by keys", async () => {
    const { server } = now;
    const mina = await person("mina", PHONE, "ko-KR");
    await mina.getByTestId("room-list").getByText("general").tap();
    for (const name of ["jun", "sora"]) {
      const { access_token } = await server.register(name);
      const { id: room } = await server.lobby(access_token);
      await server.call("POST", `/rooms/${room}/messages`, { text: `여기는 ${name}` }, access_token);
      await sees(mina, `여기는 ${name}`);
      await mina.locator("message-row", { hasText: `여기는 ${name}` }).locator(".avatar").tap();
      await mina.locator("person-card").getByRole("button", { name: "차단", exact: true }).tap();
      await mina.locator("ask-dialog").getByText("상대에게 알리지 않아요.").waitFor();
      await done(mina, "차단");
      await mina.getByText(`${name} 님을 차단했어요.`).waitFor();
    }
    assert.deepEqual(await blocked(mina), ["sora", "jun"]);
    await mina.getByRole("button", { name: "방 목록으로" }).tap();
    await mina.locator('account-menu [data-part="me"]').tap();
    await mina.getByRole("menuitem", { name: "내 계정" }).tap();
    const list = mina.getByTestId("blocks");
    await list.locator("li").nth(1).waitFor();
    assert.match(await list.locator("li").first().textContent(), /sora.*@sora · 차단: 오늘/u);
    assert.equal(await mina.locator("account-dialog dialog").evaluate((dialog) => dialog.scrollWidth > dialog.clientWidth), false);
    await list.getByRole("button", { name: "sora 님 차단 풀기" }).press("Enter");
    await list.locator("li").nth(1).waitFor({ state: "detached" });
    assert.deepEqual(await blocked(mina), ["jun"]);
    assert.ok(await list.getByRole("button", { name: "jun 님 차단 풀기" }).evaluate((button) => button === document.activeElement));
    await mina.keyboard.press("Enter");
    await mina.getByText("아무도 없어요. 어디서든 이름을 누르면 차단할 수 있어요.").waitFor();
    assert.deepEqual(await blocked(mina), []);
    await mina.locator("#account-blocked:focus").waitFor();
    await mina.keyboard.press("Escape");
    await mina.getByTestId("room-list").getByText("general").tap();
    await say(mina, "조용하다");
    await confirmed(mina, "조용하다");
  });

  it("folds what they said wherever it is shown, at once, until one asks for it", async () => {
    const { server } = now;
    const mina = await person("mina");
    const jun = (await server.register("jun")).access_token;
    const { id: room } = await server.lobby(jun);
    const post = (text, more, who = jun) => server.call("POST", `/rooms/${room}/messages`, { text, ...more }, who);
    const minas = await token(mina);
    const plain = await post("plugh one");
    await post("what of that?", { reply_to: plain.id }, minas);
    const root = await post("plugh root");
    await post("an answer below", { thread: root.id }, minas);
    await server.call("PUT", `/rooms/${room}/messages/${plain.id}/pin`, undefined, minas).catch(() => {});
    await sees(mina, "plugh one");
    const fold = "Message from someone you blocked";
    const row = (seq) => mina.locator(`message-timeline message-row[data-seq="${seq}"]`);
    const folded = (seq) => row(seq).getByText(fold, { exact: true }).waitFor();
    const isNowhere = () => mina.waitForFunction(() => !document.querySelector("chat-view").innerText.includes("plugh"));
    await mina.getByRole("button", { name: "Search (Ctrl K)" }).first().click();
    await mina.getByTestId("search").fill("plugh");
    const card = mina.locator("search-panel .message-card", { hasText: "plugh root" });
    await card.waitFor();
    const { user: { id: him } } = await server.call("GET", "/me", undefined, jun);
    await row(plain.seq).locator(".avatar").click();
    await mina.locator("person-card").getByRole("button", { name: "Block", exact: true }).click();
    await done(mina, "Block");
    await mina.getByText("You have blocked jun.", { exact: true }).waitFor();
    await folded(plain.seq);
    await folded(root.seq);
    await mina.getByTestId("search").fill("");
    await isNowhere();
    // What comes now is folded, too, and the quote of it; nothing can be done with it unseen.
    const late = await post("plugh late");
    await folded(late.seq);
    await row(late.seq).hover();
    assert.equal(await mina.locator("message-timeline message-actions:visible").count(), 0);
    await mina.locator("message-timeline .quote", { hasText: fold }).waitFor();
    await isNowhere();
    await mina.getByTestId("search").fill("plugh late");
    await mina.waitForFunction(() => document.querySelectorAll("search-panel .message-card").length === 1);
    const found = mina.locator("search-panel .message-card.is-folded");
    await found.getByText(fold).waitFor();
    // Shown in one place it is shown in all, and it alone.
    await found.getByRole("button", { name: "Show" }).click();
    await row(late.seq).getByText("plugh late", { exact: true }).waitFor();
    await folded(plain.seq);
    await mina.getByTestId("search").fill("");
    await row(late.seq).hover();
    await mina.locator("message-timeline message-actions").getByRole("button", { name: "More" }).click();
    await mina.getByRole("menuitem", { name: "Fold again" }).click();
    await folded(late.seq);
    // By keys: from message to message, and Enter shows it.
    await row(late.seq).focus();
    await mina.keyboard.press("Enter");
    await row(late.seq).getByText("plugh late", { exact: true }).waitFor();
    assert.ok(await row(late.seq).evaluate((element) => element === document.activeElement));
    // In the thread that he began.
    await row(root.seq).getByRole("button", { name: /1 reply/u }).click();
    await mina.locator("thread-panel").getByText("an answer below").waitFor();
    await mina.locator("thread-panel").getByText(fold, { exact: true }).waitFor();
    // It stands after a reload, and what was shown is folded once more.
    await mina.reload();
    await mina.getByTestId("room-list").getByText("general").click();
    await folded(late.seq);
    await isNowhere();
    await server.call("DELETE", `/users/${him}/block`, undefined, minas);
    await mina.reload();
    await mina.getByTestId("room-list").getByText("general").click();
    await row(late.seq).getByText("plugh late", { exact: true }).waitFor();
    await mina.locator("message-timeline .quote", { hasText: "jun: plugh one" }).waitFor();
  });

  it("folds in the other windows of the reader where the two have a private room", async () => {
    const { server } = now;
    const [mina, jun] = await together();
    await say(jun, "xyzzy");
    await sees(mina, "xyzzy");
    const fold = mina.locator("message-timeline").getByText("Message from someone you blocked", { exact: true });
    await server.call("PUT", `/users/${await id(jun)}/block`, undefined, await token(mina));
    await fold.waitFor();
    assert.equal(await mina.getByText("xyzzy").count(), 0);
    await server.call("DELETE", `/users/${await id(jun)}/block`, undefined, await token(mina));
    await sees(mina, "xyzzy");
  });
});
