// Two people and all that they do with messages: react, answer, correct, delete, pin, find, call, and talk aside.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PASSWORD, PHONE, stage } from "./stage.mjs";

describe("what one does with messages", () => {
  const { now, visit, person, say, sees, confirmed } = stage();
  const row = (page, text) => page.locator("message-timeline message-row", { hasText: text }).first();
  /** Opens what can be done with a message and picks one of it. */
  const act = async (page, text, name) => {
    await row(page, text).locator(".bubble").hover();
    await page.locator('message-timeline message-actions [data-part="more"]').click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  const both = async (text) => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    await say(mina, text);
    await sees(jun, text);
    return [mina, jun];
  };

  it("reacts by one press or by a word, and takes it back", async () => {
    const [mina, jun] = await both("who comes?");
    await row(jun, "who comes?").locator(".bubble").hover();
    await jun.locator("message-actions .quick button").first().click();
    const chip = row(mina, "who comes?").locator(".reaction");
    await chip.waitFor();
    assert.equal(await chip.getAttribute("aria-pressed"), "false");
    await chip.click();
    await row(jun, "who comes?").locator(".reaction", { hasText: "2" }).waitFor();
    await jun.locator('message-actions [data-part="pick-emoji"]').click();
    await jun.getByLabel("Find an emoji").fill("tada");
    await jun.keyboard.press("Enter");
    await row(mina, "who comes?").locator(".reaction", { hasText: "🎉" }).waitFor();
    await row(jun, "who comes?").locator(".reaction", { hasText: "🎉" }).click();
    await row(mina, "who comes?").locator(".reaction", { hasText: "🎉" }).waitFor({ state: "detached" });
    await mina.reload();
    await row(mina, "who comes?").locator(".reaction").waitFor();
    assert.deepEqual(await row(mina, "who comes?").locator(".reaction").allTextContents(), ["👍2"]);
  });

  it("names who has reacted: to the pointer, to the keyboard, and all of them in a list", async () => {
    const [mina, jun] = await both("cake?");
    for (const [page, count] of [[jun, "1"], [mina, "2"]]) {
      await row(page, "cake?").locator(".bubble").hover();
      await page.locator("message-actions .quick button").first().click();
      // Who came first is named first.
      await row(mina, "cake?").locator(".reaction", { hasText: count }).waitFor();
    }
    const chip = row(mina, "cake?").locator(".reaction", { hasText: "2" });
    await chip.hover();
    const names = mina.getByRole("tooltip", { name: "You and jun reacted with 👍" });
    await names.waitFor();
    assert.equal(await chip.getAttribute("aria-describedby"), "reactor-names");
    await mina.keyboard.press("Escape");
    await names.waitFor({ state: "hidden" });
    await mina.getByRole("log", { name: "Messages in general" }).focus();
    await mina.keyboard.press("ArrowUp");
    const isHeld = () => chip.evaluate((element) => element === document.activeElement);
    for (let steps = 0; steps < 20 && !(await isHeld()); steps += 1) await mina.keyboard.press("Tab");
    await names.waitFor();
    await act(jun, "cake?", "Who reacted");
    assert.deepEqual(await jun.locator("facts-dialog .fact .title").allTextContents(), ["jun", "mina"]);
    assert.deepEqual(await jun.locator("facts-dialog .fact .text").allTextContents(), ["👍", "👍"]);
  });

  it("corrects with the arrow upwards, and shows what was said before", async () => {
    const [mina, jun] = await both("tomorow at 7");
    await mina.getByTestId("composer").press("ArrowUp");
    await mina.getByTestId("composer").fill("tomorrow at 7");
    await mina.getByTestId("composer").press("Enter");
    await sees(jun, "tomorrow at 7");
    assert.equal(await mina.getByTestId("composer").inputValue(), "");
    await row(jun, "tomorrow").getByRole("button", { name: "edited" }).click();
    await jun.locator("facts-dialog .fact").nth(1).waitFor();
    assert.deepEqual(await jun.locator("facts-dialog .fact .text").allTextContents(), ["tomorrow at 7", "tomorow at 7"]);
    await jun.keyboard.press("Escape");
    await act(mina, "tomorrow", "Edit");
    await mina.getByTestId("composer").fill("never mind");
    await mina.keyboard.press("Escape");
    assert.equal(await mina.getByTestId("composer").inputValue(), "");
    await sees(mina, "tomorrow at 7");
  });

  it("deletes for everybody, and asks first", async () => {
    const [mina, jun] = await both("a slip");
    await act(mina, "a slip", "Delete");
    await mina.locator("ask-dialog").getByRole("button", { name: "Cancel" }).click();
    await sees(jun, "a slip");
    await act(mina, "a slip", "Delete");
    await mina.locator("ask-dialog").getByRole("button", { name: "Delete" }).click();
    await jun.getByText("This message was deleted.").waitFor();
    assert.equal(await jun.getByText("a slip").count(), 0);
  });

  it("answers with a quote that leads back", async () => {
    const [mina, jun] = await both("the first word");
    await act(jun, "the first word", "Reply");
    await jun.keyboard.type("and the second");
    await jun.keyboard.press("Enter");
    const quote = row(mina, "and the second").getByRole("button", { name: "mina: the first word" });
    await quote.click();
    await mina.locator("message-row:is(.is-found, :focus)", { hasText: "the first word" }).waitFor();
  });

  it("keeps a thread aside, with an unread count of its own", async () => {
    const [mina, jun] = await both("about the gate");
    await act(jun, "about the gate", "Answer in a thread");
    await jun.getByTestId("thread-composer").fill("which one?");
    await jun.getByTestId("thread-composer").press("Enter");
    await jun.locator("thread-panel message-row", { hasText: "which one?" }).waitFor();
    await row(mina, "about the gate").locator(".thread-chip", { hasText: "1 reply" }).waitFor();
    await mina.locator('.room-header [data-part="threads-unread"]', { hasText: "1" }).waitFor();
    assert.equal(await row(mina, "which one?").count(), 0);
    await mina.locator(".thread-row button").click();
    await mina.locator("thread-panel message-row", { hasText: "which one?" }).waitFor();
    await mina.locator('.room-header [data-part="threads-unread"]').waitFor({ state: "hidden" });
    await mina.getByTestId("thread-composer").fill("the north one");
    await mina.getByTestId("thread-composer").press("Enter");
    await jun.locator("thread-panel message-row", { hasText: "the north one" }).waitFor();
    await row(jun, "about the gate").locator(".thread-chip", { hasText: "2 replies" }).waitFor();
    await jun.getByRole("button", { name: "Threads" }).click();
    await jun.locator("thread-list .message-card", { hasText: "about the gate" }).waitFor();
  });

  it("reads on in a long list of threads", async () => {
    const { server } = now;
    const [mina, jun] = [await server.register("mina"), await server.register("jun")];
    const { id } = await server.lobby(mina.access_token);
    const count = 20;
    for (let at = 1; at <= count; at += 1) {
      // What shows a text counts as well: a page holds only some of these.
      const root = { text: `thread ${at}: ${"http://a.b ".repeat(340)}`, cid: `r-${at}` };
      const { id: thread } = await server.call("POST", `/rooms/${id}/messages`, root, mina.access_token);
      await server.call("POST", `/rooms/${id}/messages`, { text: "yes", thread, cid: `c-${at}` }, jun.access_token);
    }
    const page = await visit();
    await page.getByTestId("username").fill("mina");
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("sign-in").click();
    await page.getByRole("button", { name: "Threads" }).click();
    const cards = page.locator("thread-list .message-card");
    const more = page.locator('thread-list [data-part="more"]');
    await more.waitFor();
    let seen = await cards.count();
    assert.ok(seen > 0 && seen < count, `${seen} at first`);
    for (; seen < count; seen = await cards.count()) {
      await more.click();
      await cards.nth(seen).waitFor();
    }
    await more.waitFor({ state: "hidden" });
    const names = (await cards.locator(".text").allTextContents()).map((text) => Number(text.match(/thread (\d+)/u)[1]));
    assert.deepEqual(names, Array.from({ length: count }, (_, at) => count - at));
  });

  it("pins, and finds what is pinned", async () => {
    const [mina, jun] = await both("rules of the house");
    await act(mina, "rules of the house", "Pin");
    await row(jun, "rules of the house").getByText("pinned").waitFor();
    await jun.getByRole("button", { name: "Pins" }).click();
    await jun.locator("pin-panel .message-card", { hasText: "rules of the house" }).waitFor();
    await act(mina, "rules of the house", "Unpin");
    await jun.getByText("Nothing is pinned here yet.").waitFor();
  });

  it("finds words far back, marks them, and goes there and back to the end", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    let place = 0;
    for (let at = 1; at <= 230; at += 1) {
      const text = at === 8 ? "the key lies under the mat" : `line ${at}`;
      const said = await server.call("POST", `/rooms/${id}/messages`, { text, cid: `c-${at}` }, jun.access_token);
      if (at === 8) place = said.seq;
    }
    const mina = await person("mina");
    await sees(mina, "line 230");
    await mina.keyboard.press("Control+k");
    await mina.getByTestId("search").fill("mat key");
    await mina.locator("search-panel mark").nth(1).waitFor();
    assert.deepEqual(await mina.locator("search-panel mark").allTextContents(), ["key", "mat"]);
    await mina.locator('search-panel .message-card [data-part="go"]').click();
    await mina.locator("message-row:is(.is-found, :focus)", { hasText: "under the mat" }).waitFor();
    assert.equal(await mina.getByText("line 230", { exact: true }).count(), 0);
    await mina.getByRole("button", { name: "Latest messages" }).click();
    await sees(mina, "line 230");
    await mina.getByTestId("search").fill("nothing like it");
    await mina.getByText("No message fits.").waitFor();
    await mina.getByTestId("search").fill("x");
    await mina.getByText("Two letters or syllables at least, please.").waitFor();
    // As a notification leads there.
    await mina.goto(`${server.url}/rooms/${id}?at=${place}`);
    await mina.locator("message-row:is(.is-found, :focus)", { hasText: "under the mat" }).waitFor();
    assert.equal(new URL(mina.url()).hash, `#/${id}`);
  });

  it("pages through what is found", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    for (let at = 1; at <= 45; at += 1) await server.call("POST", `/rooms/${id}/messages`, { text: `apple ${at}`, cid: `c-${at}` }, jun.access_token);
    const mina = await person("mina");
    await mina.keyboard.press("Control+k");
    await mina.getByTestId("search").fill("apple");
    const cards = mina.locator("search-panel .message-card");
    for (const count of [20, 40, 45]) {
      await cards.nth(count - 1).waitFor();
      assert.equal(await cards.count(), count);
      if (count < 45) await mina.locator('search-panel [data-part="more"]').click();
    }
  });

  it("completes a name, tells who was called, and leads there", async () => {
    const [mina, jun] = await both("hello");
    // Who has the room in view reads it at once, and with it what it put into the inbox.
    await jun.getByRole("button", { name: "New conversation" }).click();
    await jun.getByLabel("Find people").first().fill("mina");
    await jun.locator("talk-dialog").getByRole("button", { name: "mina @mina" }).click();
    await jun.getByRole("heading", { level: 1, name: "mina" }).waitFor();
    await mina.getByTestId("composer").pressSequentially("look @ju");
    await mina.getByRole("option", { name: "jun @jun" }).waitFor();
    await mina.keyboard.press("Tab");
    assert.equal(await mina.getByTestId("composer").inputValue(), "look @jun ");
    await mina.keyboard.press("Enter");
    await jun.locator('[data-part="inbox-unread"]', { hasText: "1" }).waitFor();
    await jun.getByRole("button", { name: "Notifications" }).click();
    await jun.locator('inbox-panel .message-card [data-part="go"]').click();
    await jun.locator("message-row:is(.is-found, :focus)", { hasText: "look" }).waitFor();
    await mina.getByTestId("composer").pressSequentially("@al");
    await mina.getByRole("option", { name: "@all" }).waitFor();
  });

  it("marks unread from a message on, and leaves it so", async () => {
    const [mina, jun] = await both("one");
    for (const text of ["two", "three"]) await say(mina, text);
    await sees(jun, "three");
    await act(jun, "two", "Mark unread from here");
    await jun.locator(".quiet-row.is-new").waitFor();
    const badge = jun.locator('room-list [data-part="unread"]').first();
    await badge.filter({ hasText: "2" }).waitFor();
    await jun.reload();
    await sees(jun, "three");
    await badge.waitFor({ state: "hidden" });
    await act(mina, "one", "Seen by");
    await mina.locator("facts-dialog .fact", { hasText: "jun" }).waitFor();
  });

  it("talks to one person, and puts the room away until they write again", async () => {
    const [mina, jun] = await both("hello");
    await mina.getByRole("button", { name: "New conversation" }).click();
    await mina.getByLabel("Find people").first().fill("jun");
    await mina.locator("talk-dialog").getByRole("button", { name: "jun @jun" }).click();
    await mina.getByRole("heading", { level: 1, name: "jun" }).waitFor();
    await say(mina, "just us");
    await confirmed(mina, "just us");
    await jun.getByTestId("room-list").getByText("mina").click();
    await sees(jun, "just us");
    await jun.getByRole("button", { name: "What to do with this room" }).click();
    await jun.getByRole("menuitem", { name: "Hide until the next message" }).click();
    await jun.getByTestId("room-list").getByText("mina").waitFor({ state: "detached" });
    await say(mina, "still there?");
    await jun.getByTestId("room-list").getByText("mina").waitFor();
  });

  it("makes a group that others find, and leaves it", async () => {
    const [mina, jun] = await both("hello");
    await mina.getByRole("button", { name: "New group" }).click();
    await mina.getByLabel("Name of the group").fill("Hikers");
    await mina.getByLabel("Anybody may find and join it").check();
    await mina.getByRole("button", { name: "Start the group" }).click();
    await mina.getByRole("heading", { level: 1, name: "Hikers" }).waitFor();
    await jun.getByRole("button", { name: "New conversation" }).click();
    await jun.getByRole("tab", { name: "Open rooms" }).click();
    await jun.locator("talk-dialog .club", { hasText: "Hikers" }).getByRole("button", { name: "Join" }).click();
    await jun.getByRole("heading", { level: 1, name: "Hikers" }).waitFor();
    await mina.getByText("jun came in").waitFor();
    await jun.getByRole("button", { name: "What to do with this room" }).click();
    await jun.getByRole("menuitem", { name: "Leave the room" }).click();
    await jun.locator("ask-dialog").getByRole("button", { name: "Leave" }).click();
    await jun.getByText("You have left Hikers.").waitFor();
    await mina.getByText("jun left").waitFor();
  });

  it("says how one is, to oneself and to others", async () => {
    const [mina, jun] = await both("hello");
    await mina.getByTitle("How you are").click();
    await mina.getByRole("menuitemradio", { name: "Do not disturb" }).click();
    await jun.locator('member-panel [data-state="dnd"]', { hasText: "mina" }).waitFor();
    await mina.getByTitle("How you are").click();
    await mina.getByRole("menuitem", { name: "Say something of yourself" }).click();
    await mina.getByLabel("What others see next to your name").fill("at lunch");
    await mina.getByRole("button", { name: "Save" }).click();
    await jun.locator("member-panel li", { hasText: "at lunch" }).waitFor();
  });

  it("works on a phone: a tap brings the actions, a menu comes from below", async () => {
    const [mina, jun] = [await person("mina"), await person("jun", PHONE)];
    await say(mina, "tap me");
    await jun.getByTestId("room-list").getByText("general").tap();
    await row(jun, "tap me").locator(".bubble").tap();
    await jun.locator('message-actions [data-part="more"]').tap();
    await jun.waitForFunction(() => Math.round(document.querySelector("pop-menu").getBoundingClientRect().bottom) === innerHeight);
    await jun.getByRole("menuitem", { name: "Answer in a thread" }).tap();
    await jun.getByTestId("thread-composer").fill("tapped");
    await jun.locator('[data-testid="thread-send"]').tap();
    await row(mina, "tap me").locator(".thread-chip").waitFor();
    assert.ok(await jun.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await jun.getByRole("button", { name: "Close" }).first().tap();
    await jun.getByTestId("composer").waitFor();
  });

  it("can be done with the keyboard alone", async () => {
    const [mina, jun] = await both("keys");
    await jun.getByRole("log", { name: "Messages in general" }).focus();
    await jun.keyboard.press("ArrowUp");
    await jun.keyboard.press("Enter");
    await jun.getByRole("menuitem", { name: "Add a reaction" }).waitFor();
    await jun.keyboard.press("ArrowDown");
    const held = () => jun.evaluate(() => document.activeElement.textContent);
    assert.equal(await held(), "Reply");
    await jun.keyboard.press("End");
    assert.notEqual(await held(), "Reply");
    await jun.keyboard.press("Home");
    await jun.keyboard.press("ArrowDown");
    assert.equal(await held(), "Reply");
    await jun.keyboard.press("Enter");
    assert.equal(await jun.evaluate(() => document.activeElement.id), "composer");
    await jun.keyboard.type("by key");
    await jun.keyboard.press("Enter");
    await row(mina, "by key").locator(".quote").waitFor();
  });

  it("asks the assistant of the server, which says that no model is connected and quotes the room", async () => {
    const [mina, jun] = await both("the key lies under the mat");
    await say(mina, "@ai where is the key?");
    for (const page of [mina, jun]) {
      await page.getByTestId("messages").getByText("No AI model is connected. This is what the room said.").waitFor();
    }
    await mina.reload();
    await mina.getByTestId("messages").getByText("No AI model is connected. This is what the room said.").waitFor();
  });

  it("shows an answer of the assistant while it is written, and what it was made of", async () => {
    const [mina] = await both("so what is up?");
    await confirmed(mina, "what is up?");
    // As the server will tell it; it is fed to the page beside the line.
    const tell = (event) => mina.evaluate((detail) => document.querySelector("chat-view").chat.socket.dispatchEvent(new CustomEvent("event", { detail })), event);
    const { room, position, me, asked } = await mina.evaluate(() => {
      const { chat } = document.querySelector("chat-view");
      return { room: chat.current, position: chat.feed.timeline.position, me: chat.me.id, asked: chat.feed.timeline.entries.at(-1).message.id };
    });
    const d = { id: "m_1_99", run: "run_5", by: me, asker: me, model: "small" };
    await tell({ ev: "ai.start", room, seq: position + 1, n: 90, at: Date.now(), d: { ...d, reply_to: asked } });
    await mina.getByText("is writing…").waitFor();
    await tell({ ev: "ai.delta", room, run: "run_5", off: 0, text: "Three " });
    await tell({ ev: "ai.delta", room, run: "run_5", off: 6, text: "things" });
    await sees(mina, "Three things");
    await mina.getByRole("button", { name: "Stop" }).waitFor();
    const cites = [{ id: asked, seq: position }];
    await tell({ ev: "ai.end", room, seq: position + 2, at: Date.now(), d: { ...d, finish: "cancel", text: `Three things. <b>no</b> [${asked}] [m_9_9]`, cites, use: { in: 12, out: 5, micro_usd: 310 }, context: { from: 1, to: position, used: 1, left_out: {} } } });
    await sees(mina, "Three things. <b>no</b> 1 [m_9_9]");
    await mina.getByText("Stopped.").waitFor();
    await mina.getByRole("button", { name: "Show source 1" }).click();
    await mina.locator("message-row:is(.is-found, :focus)", { hasText: "what is up?" }).waitFor();
    await mina.getByRole("button", { name: "Where this comes from" }).click();
    await mina.locator("facts-dialog .fact", { hasText: "12 tokens read, 5 written · $0.00031" }).waitFor();
    await mina.locator("facts-dialog .fact.is-link").first().click();
    await mina.locator("message-row:is(.is-found, :focus)", { hasText: "what is up?" }).waitFor();
  });
});
