// Answers of the assistant on the page: what one was made of, being caught up, suggestions, asking again, waiting one's turn.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Models } from "./harness.mjs";
import { stage } from "./stage.mjs";

let models, url;
before(async () => {
  models = new Models();
  url = await models.url();
});
after(() => models.stop());

/** Says its words slowly enough to be watched, and does not end by itself. */
const SLOW = "tps:20+words:2000";
const BROKEN = "key:another";
/** Makes an address up, at once or in the middle of an answer that goes on. */
const INVENTS = "says:so_https://evil.example/x_it_is";
const INVENTING = "hang-after:3+says:so_https://evil.example/x_it_is";
const settings = () => ({
  MOIM_LLM_PROVIDER: "openai", MOIM_LLM_BASE_URL: `${url}/v1`, MOIM_LLM_MODEL: "words:5", MOIM_AI_MODELS: [SLOW, BROKEN, INVENTS, INVENTING].join(","),
  MOIM_AI_BETWEEN_TOKENS_MS: "100000",
  MOIM_LLM_API_KEY: "one", MOIM_AI_PRICES: "words:5=1000000/2000000",
});

describe("an answer of the assistant", () => {
  const { now, person, say, sees, confirmed } = stage(settings);
  const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const ended = (page, finish = "stop") => page.locator(`message-row.is-ai[data-answer="${finish}"]`);
  const fact = (page, title) => page.locator("facts-dialog .fact").filter({ has: page.locator(`.title:text-is("${title}")`) }).locator(".text");
  const openReceipt = (page, answer) => answer.getByRole("button", { name: "Where this comes from" }).click();
  const settled = (page) => page.waitForFunction(() => document.querySelector("chat-view").chat.feed?.detail?.assistant);
  /** Mina runs the server and owns a club that jun is in; both look at its room. */
  const club = async (model) => {
    const { server } = now;
    const [mina, jun] = [await person("mina"), await person("jun")];
    const made = await server.call("POST", "/clubs", { name: "Runners" }, await tokens(mina));
    await server.call("POST", `/clubs/${made.id}/join`, {}, await tokens(jun));
    if (model) await server.call("PATCH", `/clubs/${made.id}/ai`, { ai_model: model }, await tokens(mina));
    for (const page of [mina, jun]) {
      await page.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
      await settled(page);
    }
    return [mina, jun];
  };
  const current = (page) => page.evaluate(() => document.querySelector("chat-view").chat.current);
  /** What somebody says many times, as fast as they may. */
  const fill = async (page, room, count) => {
    const token = await tokens(page);
    for (let at = 1; at <= count; at += 1) await now.server.call("POST", `/rooms/${room}/messages`, { text: `news ${at}`, cid: `fill-${at}` }, token);
  };

  it("tells what it read, what it cost, and where to find that", async () => {
    const [mina, jun] = await club();
    await say(jun, "we meet at seven");
    await sees(mina, "we meet at seven");
    await say(mina, "the way is long");
    await confirmed(mina, "the way is long");
    await say(mina, "@ai when?");
    await ended(mina).waitFor();
    await openReceipt(mina, ended(mina));
    assert.equal(await fact(mina, "Asked by").textContent(), "mina");
    assert.equal(await fact(mina, "Model").textContent(), "words:5");
    assert.match(await fact(mina, "Used").textContent(), /^[\d,]+ tokens read, \d+ written · \$0\.\d+ · first word after [\d.]+ s$/u);
    assert.equal(await fact(mina, "Read").textContent(), "2 messages");
    assert.equal(await fact(mina, "First message it read").textContent(), "jun: we meet at seven");
    assert.equal(await fact(mina, "Last message it read").textContent(), "mina: @ai when?");
    assert.equal(await fact(mina, "Left out").count(), 0);
    // Who runs the server is told who answered.
    assert.equal(await fact(mina, "For admins").textContent(), "Answered by openai.");
    await fact(mina, "First message it read").click();
    await mina.locator("message-row:is(.is-found, :focus)", { hasText: "we meet at seven" }).waitFor();
  });

  it("tells for each reason what was left out, what is guessed, and sources that are not here", async () => {
    const mina = await person("mina");
    await settled(mina);
    // As the server tells it; it is fed to the page beside the line.
    await mina.evaluate(() => {
      const { chat } = document.querySelector("chat-view");
      const { current: room, feed, me } = chat;
      const { position: seq } = feed.timeline;
      const d = { id: `m_1_${seq + 1}`, run: "run_9", by: "u_ai", asker: me.id, model: "small" };
      const told = { cites: [{ id: "m_1_70", seq: 70 }], use: { in: 1200, out: 5, guessed: true }, context: { from: 30, to: 260, used: 185, uncited: 3, left_out: { budget: 15, limit: 1040, deleted: 2, weather: 1 } } };
      const tell = (event) => chat.socket.dispatchEvent(new CustomEvent("event", { detail: { room, at: Date.now(), ...event } }));
      tell({ ev: "ai.start", seq: seq + 1, n: 500, d });
      tell({ ev: "ai.end", seq: seq + 2, d: { ...d, finish: "length", text: "So [m_1_70]", ...told } });
    });
    // So it is told to admins when another model answered than the first.
    const run = { provider: "offline", finish: "length", error: "bad_key" };
    await mina.route(/\/v1\/ai\/runs\/run_9$/u, (route) => route.fulfill({ json: run }));
    const answer = ended(mina, "length");
    await openReceipt(mina, answer);
    const text = mina.locator('facts-dialog [data-part="text"]').first();
    assert.equal(await text.textContent(), "Cut off: this is as long as an answer may be.");
    await mina.getByText("It names these messages:").waitFor();
    assert.equal(await fact(mina, "An earlier message").textContent(), "Show it in the room");
    assert.equal(await fact(mina, "Used").textContent(), "about 1,200 tokens read, 5 written (guessed: the model did not count them) · its price is not known");
    assert.equal(await fact(mina, "Read").textContent(), "185 messages");
    assert.deepEqual((await fact(mina, "Left out").textContent()).split("\n"), [
      "15 older ones: too many tokens", "1,040 older ones: a catch-up reads the last 200", "2 that were deleted", "1 others",
    ]);
    assert.equal(await fact(mina, "Take with care").textContent(), "3 lines name no message that it read");
    assert.equal(await fact(mina, "For admins").textContent(), "Answered by offline, as the first model did not. The provider does not accept the key. (bad_key)");
    await mina.keyboard.press("Escape");
    await mina.getByRole("button", { name: "한국어" }).click();
    await answer.getByRole("button", { name: "이 답의 근거" }).click();
    assert.equal((await fact(mina, "읽지 않은 것").textContent()).split("\n")[1], "마지막 200개까지만 읽어서 빠진 지난 메시지 1,040개");
  });

  it("links to nothing that the model made up, neither at its end nor on the way there", async () => {
    const [mina, jun] = await club(INVENTS);
    await say(mina, "@ai where?");
    const links = (page) => page.locator("message-row.is-ai .bubble a").count();
    for (const page of [mina, jun]) {
      await ended(page).getByText("so https://evil.example/x it is").waitFor();
      assert.equal(await links(page), 0);
    }
    const room = await current(mina);
    await now.server.call("PATCH", `/rooms/${room}`, { ai_model: INVENTING }, await tokens(mina));
    await say(mina, "@ai and now?");
    const running = mina.locator('message-row.is-ai[data-answer="running"]');
    await running.getByText("so https://evil.example/x it").waitFor();
    assert.equal(await links(mina), 0);
    await mina.getByRole("button", { name: "Stop" }).click();
    await ended(mina, "cancel").getByText("so https://evil.example/x it").waitFor();
    assert.equal(await links(mina), 0);
    // What people write has links as ever.
    await say(jun, "see https://fine.example/x");
    await mina.locator("message-row .bubble a", { hasText: "https://fine.example/x" }).waitFor();
  });

  it("has a number for each source of a bracket, and no way on where it is full", async () => {
    const mina = await person("mina");
    await settled(mina);
    await mina.evaluate(() => {
      const { chat } = document.querySelector("chat-view");
      const { current: room, feed, me } = chat;
      const { position: seq } = feed.timeline;
      const tell = (event) => chat.socket.dispatchEvent(new CustomEvent("event", { detail: { room, at: Date.now(), ...event } }));
      const answer = (at, run, end) => {
        const d = { id: `m_1_${seq + at}`, run, by: "u_ai", asker: me.id, model: "small" };
        tell({ ev: "ai.start", seq: seq + at, n: 500 + at, d });
        tell({ ev: "ai.end", seq: seq + at + 1, d: { ...d, ...end } });
      };
      // As an answer that was buried: nothing says what it looks like.
      const text = "Seven [m_1_70, m_1_71; m_1_9], at https://evil.example/x [m_1_71] [a, m_1_70]";
      answer(1, "run_8", { finish: "error", error: "crash", text, cites: [{ id: "m_1_70", seq: 70 }, { id: "m_1_71", seq: 71 }] });
      answer(3, "run_9", { finish: "length", text: "가".repeat(4000) });
    });
    const sources = ended(mina, "error");
    await sources.locator(".bubble .cite").nth(2).waitFor();
    assert.deepEqual(await sources.locator(".bubble .cite").evaluateAll((all) => all.map(({ textContent, dataset }) => [textContent, dataset.to])), [
      ["1", "m_1_70"], ["2", "m_1_71"], ["2", "m_1_71"],
    ]);
    assert.match(await sources.locator(".bubble").textContent(), /Seven 12\[m_1_9\], at https:\/\/evil\.example\/x 2 \[a, m_1_70\]/u);
    assert.equal(await sources.locator(".bubble a").count(), 0);
    await sources.getByRole("button", { name: "Go on" }).waitFor();
    const full = ended(mina, "length");
    await full.waitFor();
    assert.equal(await full.getByRole("button", { name: "Go on" }).count(), 0);
    assert.ok(await full.getByRole("button", { name: "Ask again" }).isVisible());
  });

  it("tells members that no model answers, and the admin why", async () => {
    const [mina, jun] = await club(BROKEN);
    await say(jun, "@ai anyone?");
    for (const page of [mina, jun]) {
      await ended(page, "error").getByText("The model cannot be reached right now.").waitFor();
      await openReceipt(page, ended(page, "error"));
    }
    await fact(mina, "For admins").waitFor();
    assert.match(await mina.locator("facts-dialog .fact").first().textContent(), /^For admins/u);
    assert.equal(await fact(mina, "For admins").textContent(), "The provider does not accept the key. (openai, bad_key)");
    await jun.waitForLoadState("networkidle");
    assert.equal(await fact(jun, "For admins").count(), 0);
    assert.equal(await jun.locator('facts-dialog [data-part="text"]').first().textContent(), "The model cannot be reached right now.");
    assert.doesNotMatch(await jun.locator("facts-dialog").textContent(), /bad_key|accept/u);
  });

  it("sums up what was unread when somebody came, though they have seen the end since", async () => {
    const [mina, jun] = await club();
    const room = await current(jun);
    await mina.locator("room-list").getByText("general").first().click();
    await fill(jun, room, 70);
    await mina.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
    // The end is in view, and the mark moves with it.
    await mina.waitForFunction(() => document.querySelector("chat-view").chat.room.n >= 70);
    await mina.waitForFunction(() => ((room) => room.read_n === room.n)(document.querySelector("chat-view").chat.room));
    const button = mina.getByRole("button", { name: "Catch me up", exact: true });
    await button.click();
    await mina.locator("message-row", { hasText: "/ai catch me up" }).first().waitFor();
    await ended(mina).waitFor();
    // The divider lies above what a room is opened with, and all behind it was read, nothing more.
    const { context } = await mina.evaluate(() => document.querySelector("chat-view").chat.feed.timeline.entries.findLast(({ message }) => message?.ai).message.ai);
    assert.deepEqual([context.used, context.left_out], [70, {}]);
    await button.waitFor({ state: "hidden" });
    await mina.waitForFunction(() => ((room) => room.read_n === room.n)(document.querySelector("chat-view").chat.room));
  });

  it("is offered where there is enough to sum up, and where somebody answers", async () => {
    const [mina, jun] = await club();
    const room = await current(jun);
    const away = () => mina.locator("room-list").getByText("general").first().click();
    const back = () => mina.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
    const button = mina.getByRole("button", { name: "Catch me up", exact: true });
    await away();
    await fill(jun, room, 9);
    await back();
    await mina.locator(".quiet-row.is-new").waitFor();
    assert.equal(await button.isVisible(), false);
    await say(jun, "the tenth");
    await button.waitFor();
    await now.server.call("PATCH", `/rooms/${room}`, { assistant: "off" }, await tokens(mina));
    await button.waitFor({ state: "hidden" });
    await now.server.call("PATCH", `/rooms/${room}`, { assistant: "mention" }, await tokens(mina));
    await button.waitFor();
    // What cannot be asked now can be asked later, and is still all of it.
    await mina.route(/\/v1\/rooms\/\w+\/ai$/u, (route) => route.abort(), { times: 1 });
    await button.click();
    await mina.getByText("The server does not answer. Check the connection and try again.").waitFor();
    await mina.getByRole("button", { name: "한국어" }).click();
    await mina.getByRole("button", { name: "밀린 대화 정리" }).click();
    await ended(mina).waitFor();
    assert.ok((await mina.locator("message-row").allTextContents()).some((text) => text.includes("/ai 밀린 대화 정리해줘")));
    const { context } = await mina.evaluate(() => document.querySelector("chat-view").chat.feed.timeline.entries.findLast(({ message }) => message?.ai).message.ai);
    assert.equal(context.used, 10);
  });

  it("can be a suggestion, which nobody else hears of", async () => {
    const [mina, jun] = await club();
    await say(jun, "who brings water?");
    await sees(mina, "who brings water?");
    await mina.getByTestId("composer").fill("say yes");
    const asked = mina.waitForRequest((request) => /\/ai\/draft$/u.test(request.url()));
    await mina.getByRole("button", { name: "Suggest what to write" }).click();
    assert.deepEqual((await asked).postDataJSON(), { hint: "say yes" });
    await mina.waitForFunction(() => !["", "say yes"].includes(document.getElementById("composer").value));
    const draft = await mina.getByTestId("composer").inputValue();
    assert.match(draft, /mock/u);
    assert.ok(await mina.getByTestId("composer").evaluate((box) => box === document.activeElement));
    assert.equal(await jun.locator("message-row").count(), 1);
    await mina.getByTestId("composer").press("Enter");
    await jun.locator("message-row", { hasText: draft }).waitFor();
  });

  it("is there once more when the same is asked again", async () => {
    const [mina, jun] = await club();
    await say(mina, "@ai so?");
    await ended(mina).waitFor();
    const menu = async (page) => {
      await ended(page).first().hover();
      await page.locator("message-actions").getByRole("button", { name: "More" }).click();
    };
    await menu(jun);
    await jun.getByRole("menuitem", { name: "Reply" }).waitFor();
    assert.equal(await jun.getByRole("menuitem", { name: "Ask the same again" }).count(), 0);
    await menu(mina);
    await mina.getByRole("menuitem", { name: "Ask the same again" }).click();
    for (const page of [mina, jun]) await ended(page).nth(1).waitFor();
    const [one, other] = await ended(mina).locator(".bubble").allTextContents();
    assert.equal(one, other);
  });

  it("waits for its turn, or is refused, and who asked is told", async () => {
    const [mina, jun] = await club(SLOW);
    await say(mina, "@ai tell me a story");
    await mina.locator("message-row.is-ai .bubble:not([hidden])").waitFor();
    await say(jun, "@ai and me?");
    await jun.getByText("Your question waits: 1 before it.").waitFor();
    await say(mina, "@ai another one");
    await mina.getByText("No answer this time. The assistant is busy.").waitFor();
    assert.equal(await jun.getByText("No answer this time.").count(), 0);
    // The question of who waits is answered next.
    await mina.getByRole("button", { name: "Stop" }).click();
    await jun.locator("message-row.is-ai").nth(1).locator(".bubble:not([hidden])").waitFor();
  });

  it("still shows what waits when the page was loaded anew, and it can be taken back", async () => {
    const [mina, jun] = await club(SLOW);
    const waits = (page) => page.locator('message-row [data-part="wait"]:visible');
    const refused = (page) => page.locator('message-row [data-part="no-answer"]:visible');
    const none = (shown) => shown.waitFor({ state: "detached" });
    await say(mina, "@ai tell me a story");
    await mina.locator("message-row.is-ai .bubble:not([hidden])").waitFor();
    await say(jun, "@ai and me?");
    for (const anew of [false, true]) {
      if (anew) await jun.reload();
      await waits(jun).getByText("Your question waits: 1 before it.").waitFor();
      await waits(jun).getByRole("button", { name: "Take it back" }).waitFor();
    }
    // Who moderates may take it back as well.
    await waits(mina).getByText("This question waits: 1 before it.").waitFor();
    await waits(mina).getByRole("button", { name: "Take it back" }).waitFor();
    // What was refused stays until somebody is done with it.
    await say(mina, "@ai another one");
    await refused(mina).getByText("No answer this time. The assistant is busy.").waitFor();
    await waits(jun).getByRole("button", { name: "Take it back" }).click();
    for (const page of [mina, jun]) await none(waits(page));
    await refused(mina).getByRole("button", { name: "Dismiss" }).click();
    await none(refused(mina));
    // Or until they ask again.
    await say(mina, "@ai once more");
    await waits(mina).getByText("Your question waits: 1 before it.").waitFor();
    await waits(jun).getByText("This question waits: 1 before it.").waitFor();
    assert.equal(await waits(jun).getByRole("button").count(), 0, "only who asked and who moderates");
    await say(jun, "@ai now?");
    await refused(jun).waitFor();
    await mina.getByRole("button", { name: "Stop" }).click();
    for (const page of [mina, jun]) await none(waits(page));
    assert.equal(await refused(jun).count(), 1);
    await say(jun, "@ai and now?");
    await waits(jun).waitFor();
    await none(refused(jun));
  });
});
