// Moderation where there is no club: in lobbies by admins, in groups by the host, and what was reported to the admins.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PHONE, stage } from "./stage.mjs";

const NARROW = { ...PHONE, viewport: { width: 360, height: 740 } };

describe("moderation outside clubs", () => {
  const { now, person, say, sees, confirmed } = stage();
  const token = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const id = (page) => page.evaluate(() => document.querySelector("chat-view").chat.me.id);
  const done = (page, name) => page.locator("ask-dialog").getByRole("button", { name, exact: true }).click();
  const roomMenu = async (page, name, menu = "What to do with this room") => {
    await page.getByRole("button", { name: menu }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  const manage = async (page, who, what) => {
    await page.locator("member-panel .member", { hasText: who }).click();
    await page.locator("person-card").getByRole("button", { name: "Manage…" }).click();
    await page.getByRole("menuitem", { name: what, exact: true }).click();
  };
  const report = async (page, text) => {
    await page.locator("message-timeline message-row", { hasText: text }).locator(".bubble").hover();
    await page.locator('message-timeline message-actions [data-part="more"]').click();
    await page.getByRole("menuitem", { name: "Report", exact: true }).click();
    const answered = page.waitForResponse((answer) => answer.url().endsWith("/report"));
    await done(page, "Report");
    await answered;
    // The words about the report before may still stand.
    await page.getByText("The administrators have it now.").last().waitFor();
  };
  /** A group of its host and others. */
  const group = async (host, ...others) => {
    const member_ids = await Promise.all(others.map(id));
    await now.server.call("POST", "/rooms", { name: "friends", member_ids }, await token(host));
    for (const page of [host, ...others]) {
      await page.getByTestId("room-list").getByText("friends").click();
      await page.getByRole("heading", { level: 1, name: "friends" }).waitFor();
    }
  };

  it("tells who is muted why and until when, and lets them write again", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    await jun.getByTestId("composer").fill("half a tho");
    await manage(mina, "jun", "Mute");
    await mina.getByLabel("For how long").selectOption({ label: "1 hour" });
    await mina.getByLabel("Reason").fill("too loud");
    await done(mina, "Mute");
    const note = jun.locator(".conversation message-composer .muted-note");
    await note.getByText(/You are muted here\. You may write again: .+ Reason: too loud/u).waitFor();
    assert.equal(await jun.getByTestId("composer").isDisabled(), true);
    assert.equal(await jun.getByTestId("composer").inputValue(), "half a tho");
    await jun.reload();
    await note.waitFor();
    await roomMenu(mina, "Moderate the room");
    const entry = mina.locator("room-admin .admin-item", { hasText: "jun" });
    await entry.getByRole("button", { name: "Take the mute away" }).click();
    await mina.getByText("Nobody is muted.").waitFor();
    await note.waitFor({ state: "hidden" });
    await say(jun, "thanks");
    await sees(mina, "thanks");
    await mina.getByRole("tab", { name: "Muted" }).press("ArrowRight");
    await mina.getByText("Nobody is banned.").waitFor();
    await mina.getByRole("tab", { name: "Banned" }).press("ArrowRight");
    await mina.locator("room-admin .admin-item", { hasText: "mina: muted (jun, general)" }).getByText("too loud").waitFor();
    // It has ended by itself when its time is over.
    await jun.evaluate(() => document.querySelector("chat-view").chat.feed.info.take({ muted_until: Date.now() + 900, mute_reason: "" }));
    await note.waitFor();
    await note.waitFor({ state: "hidden" });
  });

  it("shows who is put out that it is so, and nothing of what was said", async () => {
    const [mina, jun, sora] = [await person("mina"), await person("jun"), await person("sora", NARROW)];
    // The host of a group is no admin: mina came first.
    await group(jun, mina, sora);
    await say(jun, "a secret");
    await sees(sora, "a secret");
    await manage(jun, "mina", "Put out of the group");
    await done(jun, "Put out of the group");
    await mina.getByText("You were removed from friends.").waitFor();
    await mina.getByText("You may come back the way anybody comes in.").waitFor();
    assert.equal(await mina.getByText("a secret").count(), 0);
    assert.equal(await mina.locator("member-panel .member").count(), 0);
    await mina.getByRole("button", { name: "Go on to other rooms" }).click();
    await mina.getByRole("heading", { level: 1, name: "general" }).waitFor();
    await manage(jun, "sora", "Ban from the group");
    await jun.getByLabel("For how long").selectOption({ label: "1 day" });
    await jun.getByLabel("Reason").fill("too many jokes");
    await done(jun, "Ban from the group");
    await sora.getByText(/You were banned from friends\./u).waitFor();
    await sora.getByText(/The ban ends: .+\. What is said there is not shown to you any more\. Reason: too many jokes/u).waitFor();
    assert.equal(await sora.getByText("a secret").count(), 0);
    await sora.getByRole("button", { name: "Go on to other rooms" }).click();
    await sora.getByTestId("room-list").getByText("general").waitFor();
    assert.equal(await sora.getByTestId("room-list").getByText("friends").count(), 0);
    await roomMenu(jun, "Moderate the room");
    await jun.getByRole("tab", { name: "Banned" }).click();
    await jun.locator("room-admin .admin-item", { hasText: "too many jokes" }).getByRole("button", { name: "Lift the ban" }).click();
    await jun.getByText("Nobody is banned.").waitFor();
    await jun.getByRole("tab", { name: "Log" }).click();
    for (const act of ["lifted a ban (sora, friends)", "banned (sora, friends)", "removed (mina, friends)"]) {
      await jun.locator("room-admin .admin-item", { hasText: act }).waitFor();
    }
  });

  it("makes rules for texts in the lobbies, says what is wrong with one, and takes them away", async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun", NARROW)];
    await jun.getByTestId("room-list").getByText("general").tap();
    const office = mina.locator("instance-admin");
    const help = (input) => input.evaluate((element) => document.getElementById(element.getAttribute("aria-describedby")).textContent);
    await mina.getByTitle("How you are").click();
    await mina.getByRole("menuitem", { name: "Rules of the lobbies" }).click();
    await office.getByText("No rules. Every text goes through.").waitFor();
    const pattern = office.getByLabel("Look for");
    await office.getByLabel("As", { exact: true }).selectOption({ label: "an expression" });
    for (const [wrong, why] of [["(", "This is no regular expression."], ["x*", "It finds the empty text."], ["\\bfoo\\b", "It uses what is not known here."]]) {
      await pattern.fill(wrong);
      await office.getByRole("button", { name: "Add the rule" }).click();
      await office.getByText(why).waitFor();
      assert.deepEqual([await help(pattern), await pattern.getAttribute("aria-invalid")], [why, "true"]);
      assert.ok(await pattern.evaluate((element) => element === document.activeElement));
    }
    assert.equal(await office.locator(".form-problem").isVisible(), false);
    const rules = async () => (await server.call("GET", "/admin/filters", undefined, await token(mina))).items.map((rule) => [rule.kind, rule.pattern, rule.action]);
    assert.deepEqual(await rules(), []);
    await pattern.fill("rad+ish");
    await pattern.press("Enter");
    const entry = office.locator(".admin-item", { hasText: "rad+ish" });
    await entry.getByText("an expression · mask it").waitFor();
    assert.equal(await pattern.getAttribute("aria-invalid"), "false");
    assert.deepEqual(await rules(), [["regex", "rad+ish", "mask"]]);
    await office.getByRole("button", { name: "Try" }).click();
    await mina.getByLabel("As somebody would write it. Nothing is sent.").fill("a raddish!");
    await done(mina, "Try");
    await mina.getByText("It would become: a *******!").waitFor();
    await say(jun, "a raddish!");
    await sees(jun, "a *******!");
    await entry.getByRole("button", { name: "Remove" }).press("Enter");
    await office.getByText("No rules. Every text goes through.").waitFor();
    assert.ok(await office.getByRole("tab", { name: "Rules" }).evaluate((tab) => tab === document.activeElement));
    assert.deepEqual(await rules(), []);
    await say(jun, "one more raddish");
    await sees(jun, "one more raddish");
    await office.getByRole("tab", { name: "Log" }).click();
    await office.locator(".admin-item", { hasText: "mina: removed a rule" }).waitFor();
    await jun.getByRole("button", { name: "Back to rooms" }).tap();
    await jun.getByTitle("How you are").tap();
    await jun.getByRole("menuitem", { name: "Your account" }).waitFor();
    assert.equal(await jun.getByRole("menuitem", { name: "Rules of the lobbies" }).count(), 0);
  });

  it("brings reports from groups and lobbies before the admins, and before nobody else", async () => {
    const [mina, jun, sora] = [await person("mina", NARROW, "ko-KR"), await person("jun"), await person("sora")];
    await sora.getByTestId("composer").fill("well");
    for (const text of ["hello", "buy now", "what?"]) await say(jun, text);
    await sees(sora, "what?");
    await report(sora, "buy now");
    await group(jun, sora);
    await say(jun, "psst");
    await sees(sora, "psst");
    await report(sora, "psst");
    await jun.getByRole("button", { name: /jun/u }).first().click();
    await jun.getByRole("menuitem", { name: "Your account" }).waitFor();
    assert.equal(await jun.getByRole("menuitem", { name: /Reports|Actors/u }).count(), 0);
    await mina.reload();
    await mina.locator("account-menu .badge", { hasText: "2" }).waitFor();
    await mina.locator('account-menu [data-part="me"]').click();
    await mina.getByRole("menuitem", { name: "신고 (2)" }).click();
    const office = mina.locator("instance-admin");
    const [there, elsewhere] = [office.locator(".admin-item", { hasText: "buy now" }), office.locator(".admin-item", { hasText: "psst" })];
    await elsewhere.getByText("내가 없는 방").waitFor();
    assert.equal(await elsewhere.getByText("앞뒤 대화").count(), 0);
    await there.getByText("앞뒤 대화").click();
    await there.locator(".around .is-it", { hasText: "jun buy now" }).waitFor();
    await there.locator(".around li", { hasText: "what?" }).waitFor();
    assert.equal(await office.locator("dialog").evaluate((dialog) => dialog.scrollWidth > dialog.clientWidth), false);
    await elsewhere.getByRole("button", { name: "처리하기" }).click();
    const ask = mina.locator("ask-dialog");
    assert.equal(await ask.getByLabel("기간").count() && (await ask.getByLabel("기간").first().isVisible()), false);
    await ask.getByLabel("어떻게 할까요").selectOption("mute");
    await ask.locator('[name="mute_for"]').selectOption({ label: "4주일" });
    await ask.getByLabel("이유").fill("광고");
    await done(mina, "처리하기");
    await elsewhere.waitFor({ state: "detached" });
    await jun.locator(".conversation message-composer .muted-note", { hasText: "Reason: 광고" }).waitFor();
    await there.getByRole("button", { name: "처리하기" }).click();
    await ask.getByLabel("어떻게 할까요").selectOption("delete");
    await done(mina, "처리하기");
    await office.getByText("신고가 없어요. 평화롭네요.").waitFor();
    await mina.locator("account-menu .badge").waitFor({ state: "hidden" });
    await office.getByLabel("처리한 신고 보기").check();
    await office.locator(".admin-item", { hasText: "글쓴이 말하기 제한 · mina 님이 처리" }).waitFor();
    await office.locator(".admin-item", { hasText: "메시지 삭제 · mina 님이 처리" }).waitFor();
    await office.getByRole("tab", { name: "기록" }).click();
    await office.locator(".admin-item", { hasText: "mina: 말하기 제한 (jun" }).getByText("광고").waitFor();
    await sora.getByTestId("room-list").getByText("general").click();
    await sora.getByText("This message was deleted.").waitFor();
    await say(sora, "good");
    await confirmed(sora, "good");
  });
});
