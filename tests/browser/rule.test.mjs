// Moderators: rooms and who may do what in them, reports, rules for texts, mute, kick, ban, the log of all that.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stage } from "./stage.mjs";

describe("a club and its moderators", () => {
  const { now, person, say, sees } = stage();
  const row = (page, text) => page.locator("message-timeline message-row", { hasText: text }).first();
  const act = async (page, text, name) => {
    await row(page, text).locator(".bubble").hover();
    await page.locator('message-timeline message-actions [data-part="more"]').click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  const roomMenu = async (page, name) => {
    await page.getByRole("button", { name: "What to do with this room" }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  const done = (page, name) => page.locator("ask-dialog").getByRole("button", { name, exact: true }).click();
  const manage = async (page, who, what) => {
    await page.locator("member-panel .member", { hasText: who }).click();
    await page.locator("person-card").getByRole("button", { name: "Manage…" }).click();
    await page.getByRole("menuitem", { name: what, exact: true }).click();
  };

  /** Mina owns a club that jun is in; both look at its room. */
  const club = async () => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
    const made = await server.call("POST", "/clubs", { name: "Runners" }, await tokens(mina));
    await server.call("POST", `/clubs/${made.id}/join`, {}, await tokens(jun));
    for (const page of [mina, jun]) {
      await page.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
      await page.locator(".subtitle", { hasText: "Runners" }).waitFor();
    }
    return [mina, jun];
  };

  it("reports, decides, and writes it down", async () => {
    const [mina, jun] = await club();
    await say(mina, "buy now");
    await sees(jun, "buy now");
    await act(jun, "buy now", "Report");
    await jun.getByLabel("In your own words").fill("again and again");
    await done(jun, "Report");
    await jun.getByText("The managers have it now.").waitFor();
    await say(jun, "spam spam");
    await sees(mina, "spam spam");
    await act(mina, "spam spam", "Report");
    await done(mina, "Report");
    await mina.getByRole("button", { name: "Manage Runners" }).click();
    const entry = mina.locator("club-admin .admin-item", { hasText: "spam spam" });
    await entry.getByRole("button", { name: "Decide" }).click();
    await mina.getByLabel("What to do", { exact: true }).selectOption("delete");
    await done(mina, "Decide");
    await jun.getByText("This message was deleted.").waitFor();
    await entry.waitFor({ state: "detached" });
    await mina.locator("club-admin .admin-item", { hasText: "again and again" }).waitFor();
    assert.equal(await mina.locator("club-admin .admin-item").count(), 1);
    await mina.getByRole("tab", { name: "Log" }).click();
    await mina.locator("club-admin .admin-item", { hasText: "deleted a message" }).waitFor();
  });

  it("makes rules for texts, tries them, and takes them away", async () => {
    const [mina, jun] = await club();
    await mina.getByRole("button", { name: "Manage Runners" }).click();
    await mina.getByRole("tab", { name: "Rules" }).click();
    await mina.locator("club-admin").getByLabel("Look for").fill("radish");
    await mina.getByRole("button", { name: "Add the rule" }).click();
    await mina.locator("club-admin .admin-item", { hasText: "radish" }).waitFor();
    await mina.getByRole("button", { name: "Try" }).click();
    await mina.getByLabel("As somebody would write it. Nothing is sent.").fill("a radish!");
    await done(mina, "Try");
    await mina.getByText("It would become: a ******!").waitFor();
    await say(jun, "a radish!");
    await sees(jun, "a ******!");
    await mina.getByRole("button", { name: "Remove" }).click();
    await mina.getByText("No rules. Every text goes through.").waitFor();
  });

  it("mutes, removes, bans, and lifts the ban", async () => {
    const [mina, jun] = await club();
    await manage(mina, "jun", "Mute");
    await done(mina, "Mute");
    await mina.getByText("jun is muted until").waitFor();
    await jun.locator(".conversation .muted-note", { hasText: "You are muted here." }).waitFor();
    assert.equal(await jun.getByTestId("composer").isDisabled(), true);
    await manage(mina, "jun", "Take the mute away");
    await mina.getByText("jun may write again.").waitFor();
    await jun.locator("#composer:enabled").waitFor();
    await say(jun, "may I?");
    await sees(mina, "may I?");
    await manage(mina, "jun", "Ban from the club");
    await mina.getByLabel("For how long").selectOption({ label: "for ever" });
    await done(mina, "Ban from the club");
    await jun.getByText("You were banned from Runners.").waitFor();
    await jun.locator("room-list .section", { hasText: "Runners" }).waitFor({ state: "detached" });
    await mina.getByText("jun was banned").first().waitFor();
    await mina.getByRole("button", { name: "Manage Runners" }).click();
    await mina.getByRole("tab", { name: "Banned" }).click();
    await mina.locator("club-admin .admin-item", { hasText: "for ever" }).getByRole("button", { name: "Lift the ban" }).click();
    await mina.getByText("Nobody is banned.").waitFor();
  });

  it("deletes many messages together", async () => {
    const [mina, jun] = await club();
    for (const text of ["first", "second", "third"]) await say(jun, text);
    await sees(mina, "third");
    await act(mina, "first", "Select messages");
    await row(mina, "third").getByLabel("Select this message").check();
    await mina.getByText("2 selected").waitFor();
    await mina.locator(".select-bar").getByRole("button", { name: "Delete" }).click();
    await done(mina, "Delete");
    await jun.waitForFunction(() => document.querySelectorAll("message-row.is-deleted").length === 2);
    assert.equal(await row(jun, "second").count(), 1);
    assert.equal(await mina.locator(".select-bar").isVisible(), false);
  });

  it("sets what a room is like and who may do what, and everybody hears it", async () => {
    const [mina, jun] = await club();
    await roomMenu(mina, "Room settings");
    await mina.getByLabel("Topic").fill("runs by the river");
    await mina.getByLabel("Slow mode").selectOption({ label: "1 minute" });
    await mina.getByText("Who may do what").click();
    await mina.getByLabel("Pin", { exact: true }).selectOption({ label: "everybody in it" });
    await mina.getByRole("button", { name: "Save" }).click();
    for (const page of [mina, jun]) await page.locator(".subtitle", { hasText: "runs by the river" }).waitFor();
    await say(jun, "one");
    await sees(mina, "one");
    await act(jun, "one", "Pin");
    await row(mina, "one").getByText("pinned").waitFor();
    await roomMenu(mina, "Room settings");
    await mina.getByText("Who may do what").click();
    await mina.getByLabel("Write", { exact: true }).selectOption({ label: "moderators" });
    await mina.getByRole("button", { name: "Save" }).click();
    await jun.locator("#composer:disabled").waitFor();
    assert.equal(await jun.getByTestId("composer").getAttribute("placeholder"), "Only moderators write here");
  });

  it("tells everybody at once of a new name, of a shorter memory and of an assistant that is off", async () => {
    const [mina, jun] = await club();
    await mina.getByRole("button", { name: "New room in Runners" }).click();
    await mina.getByLabel("Room name").fill("plans");
    await mina.getByRole("button", { name: "Create room" }).click();
    await mina.getByRole("heading", { level: 1, name: "plans" }).waitFor();
    await jun.getByTestId("room-list").getByText("plans").click();
    const known = () => jun.evaluate(() => {
      const { assistant, retention_days: days } = document.querySelector("chat-view").chat.feed.detail ?? {};
      return [assistant, days];
    });
    await jun.waitForFunction(() => document.querySelector("chat-view").chat.feed.detail);
    assert.deepEqual(await known(), ["mention", null]);
    // Whoever looks asks for nothing: the news say it all.
    const asked = [];
    jun.on("request", (request) => /\/v1\/rooms\/\w+(?:\/permissions)?$/u.test(request.url()) && asked.push(request.url()));
    await roomMenu(mina, "Room settings");
    const settings = mina.locator("room-settings");
    await settings.getByLabel("Room name").fill("trips");
    await settings.getByLabel("Messages are kept").selectOption({ label: "7 days" });
    await settings.getByLabel("The assistant answers").selectOption("off");
    await settings.getByRole("button", { name: "Save" }).click();
    await jun.getByRole("heading", { level: 1, name: "trips" }).waitFor();
    await jun.getByTestId("room-list").getByText("trips").waitFor();
    await jun.getByPlaceholder("Write to trips").waitFor();
    assert.deepEqual([await known(), asked], [["off", 7], []]);
    await roomMenu(mina, "Room settings");
    await settings.getByLabel("Messages are kept").waitFor();
    assert.equal(await settings.getByLabel("Messages are kept").inputValue(), "7");
  });

  it("keeps a log of what was set, in the reader's language", async () => {
    const { server } = now;
    const [mina] = await club();
    const { token, room, club: id } = await mina.evaluate(() => {
      const { chat } = document.querySelector("chat-view");
      return { token: JSON.parse(localStorage.getItem("moim.tokens")).access, room: chat.current, club: chat.room.club };
    });
    await server.call("PATCH", `/rooms/${room}`, { topic: "runs", slow_mode_s: 60, retention_days: 7, history: "since_join" }, token);
    await server.call("PATCH", `/rooms/${room}/permissions`, { pin: "member", react: "moderator" }, token);
    await server.call("PATCH", `/clubs/${id}/ai`, { assistant: "off", persona: "calm" }, token);
    await server.call("POST", `/clubs/${id}/filters`, { pattern: "big radish", action: "mask" }, token);
    const log = async (title, tab) => {
      await mina.getByRole("button", { name: title }).click();
      await mina.getByRole("tab", { name: tab }).click();
      await mina.locator("club-admin .admin-item").nth(3).waitFor();
      const texts = await mina.locator("club-admin .admin-item .text").allTextContents();
      await mina.keyboard.press("Escape");
      return texts.map((text) => text.split(" · ").slice(1).join(" · "));
    };
    assert.deepEqual(await log("Manage Runners", "Log"), [
      "a word “big radish” · mask it",
      "The assistant answers: never · how the assistant is to be, its language or its model",
      "Pin: everybody in it · React: moderators",
      "Topic · Newcomers read: only what comes after them · Slow mode: 1 minute · Messages are kept: 7 days",
    ]);
    await mina.getByRole("button", { name: "한국어" }).click();
    assert.deepEqual(await log("Runners 관리", "기록"), [
      "낱말 “big radish” · 가리기",
      "도우미가 답할 때: 답하지 않기 · 도우미의 말투, 언어나 모델",
      "고정하기: 방에 있는 모두 · 반응하기: 운영진",
      "주제 · 새로 온 사람은: 들어온 뒤의 이야기만 읽어요 · 느린 대화: 1분 · 메시지 보관 기간: 7일",
    ]);
  });

  it("opens the managers' room with the role, and closes it again", async () => {
    const [mina, jun] = await club();
    await mina.getByRole("button", { name: "New room in Runners" }).click();
    await mina.getByLabel("Room name").fill("backstage");
    await mina.getByLabel("Who is in it").selectOption("manager");
    await mina.getByRole("button", { name: "Create room" }).click();
    await mina.getByRole("heading", { level: 1, name: "backstage" }).waitFor();
    assert.equal(await jun.getByTestId("room-list").getByText("backstage").count(), 0);
    await mina.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
    await manage(mina, "jun", "Make a manager");
    await done(mina, "Save");
    await jun.getByTestId("room-list").getByText("backstage").waitFor();
    await manage(mina, "jun", "Make a plain member");
    await done(mina, "Save");
    await jun.getByText("backstage is for managers.").waitFor();
  });

  it("is told of a room as much as one wants", async () => {
    const [, jun] = await club();
    await jun.getByRole("button", { name: "What to do with this room" }).click();
    await jun.getByRole("menuitemradio", { name: "Nothing at all" }).click();
    await jun.locator("room-list .is-muted", { hasText: "general" }).waitFor();
    await jun.reload();
    await jun.locator("room-list .is-muted", { hasText: "general" }).waitFor();
  });
});
