// The assistant of a club on the page: what the club says of it, what a room says instead, why an answer broke off.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Models } from "./harness.mjs";
import { PHONE, stage } from "./stage.mjs";

let models, url;
before(async () => {
  models = new Models();
  url = await models.url();
});
after(() => models.stop());

/** Says its words slowly enough to be watched, and goes on for longer than a server waits for it at its end. */
const SLOW = "tps:20+words:2000";
const settings = () => ({
  MOIM_LLM_PROVIDER: "openai", MOIM_LLM_BASE_URL: `${url}/v1`, MOIM_LLM_MODEL: "words:3", MOIM_AI_MODELS: SLOW,
});

describe("the assistant of a club", () => {
  const { now, person, say, sees, online } = stage(settings);
  const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const detail = (page) => page.evaluate(() => document.querySelector("chat-view").chat.feed.detail);
  const roomMenu = async (page, name, menu = "What to do with this room") => {
    await page.getByRole("button", { name: menu }).click();
    await page.getByRole("menuitem", { name, exact: true }).click();
  };
  /** Mina owns a club that jun is in; both look at its room. */
  const club = async (options) => {
    const { server } = now;
    const [mina, jun] = [await person("mina", options), await person("jun", options)];
    const made = await server.call("POST", "/clubs", { name: "Runners" }, await tokens(mina));
    await server.call("POST", `/clubs/${made.id}/join`, {}, await tokens(jun));
    for (const page of [mina, jun]) {
      await page.locator("room-list .section", { hasText: "Runners" }).getByText("general").click();
      await page.waitForFunction(() => document.querySelector("chat-view").chat.feed?.detail?.assistant);
    }
    return [mina, jun, made.id];
  };
  const openClub = async (page) => {
    await page.getByRole("button", { name: "Manage Runners" }).click();
    await page.getByRole("tab", { name: "Assistant" }).click();
    await page.locator('club-assistant [data-part="spent"]').waitFor();
    return page.locator("club-assistant");
  };

  it("is as the club says in its rooms: a manager changes it, and members see how it is", async () => {
    const [mina, jun] = await club();
    const form = await openClub(mina);
    assert.equal(await form.getByLabel("The assistant answers").inputValue(), "mention");
    assert.match(await form.locator('[data-part="used"]').textContent(), /^0 answers · 0 of 5,000,000 tokens$/u);
    await form.getByLabel("The assistant answers").selectOption({ label: "never" });
    await form.getByLabel("How the assistant is to be").fill("A calm coach.");
    await form.getByLabel("The assistant speaks").selectOption("ko");
    await form.getByLabel("Model of the assistant").selectOption(SLOW);
    await form.getByRole("button", { name: "Save" }).click();
    await mina.getByText("Saved.").waitFor();
    await jun.waitForFunction(() => document.querySelector("chat-view").chat.feed.detail.assistant === "off");
    await mina.keyboard.press("Escape");
    await openClub(mina);
    const said = await form.evaluate((element) => Object.fromEntries(new FormData(element.querySelector("form"))));
    assert.deepEqual(said, { assistant: "off", assistant_bots: "no", persona: "A calm coach.", ai_language: "ko", ai_model: SLOW });
    await roomMenu(jun, "The assistant here");
    const facts = jun.locator("facts-dialog .fact");
    await jun.getByRole("heading", { name: "The assistant in general" }).waitFor();
    assert.deepEqual((await facts.allTextContents()).slice(0, 4), [
      "The assistant answersnever\nas the club says",
      "How the assistant is to beA calm coach.\nas the club says",
      "The assistant speaks한국어\nas the club says",
      `Model of the assistant${SLOW}\nas the club says`,
    ]);
    assert.match(await facts.nth(4).textContent(), /Used by you today0 answers · 0 of 200,000 tokens/u);
    assert.equal(await facts.count(), 5);
  });

  it("is otherwise in a room that says so, until it goes back to its club", async () => {
    const [mina, jun, id] = await club();
    await now.server.call("PATCH", `/clubs/${id}/ai`, { persona: "A calm coach." }, await tokens(mina));
    const room = mina.locator("room-settings");
    await roomMenu(mina, "Room settings");
    const wakes = room.getByLabel("The assistant answers");
    assert.equal(await wakes.locator("option:checked").textContent(), "as the club says: when it is called by @ai");
    await room.getByText("Empty: as the club says, “A calm coach.”").waitFor();
    assert.equal(await room.getByRole("button", { name: "All as the club says" }).isVisible(), false);
    await wakes.selectOption({ label: "to every message" });
    await room.getByLabel("How the assistant is to be").fill("A joker.");
    await room.getByRole("button", { name: "Save" }).click();
    await jun.waitForFunction(() => document.querySelector("chat-view").chat.feed.detail.assistant === "always");
    await jun.locator(".subtitle", { hasText: "the assistant answers everything" }).waitFor();
    await say(jun, "hello");
    await jun.locator('message-row.is-ai[data-answer="stop"]').waitFor();
    await roomMenu(jun, "The assistant here");
    await jun.locator("facts-dialog .fact", { hasText: "This room says so itself." }).nth(1).waitFor();
    await jun.locator("facts-dialog .fact", { hasText: "1 answer ·" }).waitFor();
    await roomMenu(mina, "Room settings");
    await room.getByText("This room says so itself.").nth(1).waitFor();
    await room.getByRole("button", { name: "All as the club says" }).click();
    assert.equal(await room.getByText("This room says so itself.").count(), 0);
    await room.getByRole("button", { name: "Save" }).click();
    await jun.waitForFunction(() => document.querySelector("chat-view").chat.feed.detail.assistant === "mention");
    await mina.waitForFunction(() => !document.querySelector("chat-view").chat.feed.detail.assistant_own);
    assert.equal((await detail(mina)).persona, "");
    await roomMenu(mina, "The assistant here");
    await mina.locator("facts-dialog").getByRole("button", { name: "Open the club's settings" }).focus();
    await mina.keyboard.press("Space");
    assert.equal(await mina.locator("club-assistant").getByLabel("How the assistant is to be").inputValue(), "A calm coach.");
  });

  it("stops in the middle when the server ends, says so in words, and goes on when asked", async () => {
    const [mina, , id] = await club();
    await now.server.call("PATCH", `/clubs/${id}/ai`, { ai_model: SLOW }, await tokens(mina));
    await say(mina, "@ai tell me a story");
    const answer = mina.locator("message-row.is-ai");
    await answer.locator(".bubble:not([hidden])").waitFor();
    await now.server.end();
    await now.server.run();
    await online(mina);
    await answer.getByText("The server was restarted while it was writing.").waitFor();
    const said = await answer.locator(".bubble").textContent();
    await answer.getByRole("button", { name: "Go on" }).click();
    const more = answer.nth(1).locator(".bubble:not([hidden])");
    await more.waitFor();
    assert.ok((await more.textContent()).startsWith(said.slice(0, 20)), said);
    await answer.nth(1).getByRole("button", { name: "Stop" }).click();
    await answer.nth(1).getByText("Stopped.").waitFor();
  });

  it("says why an answer broke off, in the reader's language, and offers what helps", async () => {
    const [mina] = await club();
    await say(mina, "so?");
    await sees(mina, "so?");
    const answers = mina.locator("message-row.is-ai");
    // As the server tells it; it is fed to the page beside the line.
    const broken = (error, text) => mina.evaluate(({ error: why, text: said }) => {
      const { chat } = document.querySelector("chat-view");
      const { current: room, feed, me } = chat;
      const { position: seq } = feed.timeline;
      const d = { id: `m_1_${seq + 1}`, run: `run_${seq}`, by: "u_ai", asker: me.id, model: "small" };
      const tell = (event) => chat.socket.dispatchEvent(new CustomEvent("event", { detail: { room, at: Date.now(), ...event } }));
      tell({ ev: "ai.start", seq: seq + 1, n: 500 + seq, d });
      tell({ ev: "ai.end", seq: seq + 2, d: { ...d, finish: "error", error: why, text: said } });
    }, { error, text });
    const shown = async () => {
      const last = answers.last();
      return [await last.locator('[data-part="answer-state"]').textContent(), await last.locator('[data-action^="ask-"]:visible').allTextContents()];
    };
    const cases = [
      ["timeout", "", "The model took too long.", "모델이 제때 답하지 않았어요.", ["Ask again"]],
      ["busy", "", "The model has too much to do right now.", "지금은 모델이 너무 바빠요.", ["Ask again"]],
      ["declined", "I may", "The model declined to answer that.", "모델이 이 질문에는 답하지 않았어요.", ["Ask again"]],
      ["too_large", "", "That is more than the model can read at once.", "모델이 한 번에 읽을 수 있는 양을 넘었어요.", []],
      ["crash", "One", "Something broke while it was writing.", "답을 쓰는 도중에 문제가 생겼어요.", ["Go on"]],
      ["restart", "One", "The server was restarted while it was writing.", "답을 쓰는 도중에 서버가 다시 시작됐어요.", ["Go on"]],
      ["unavailable", "", "The model cannot be reached right now.", "지금은 모델에 연결할 수 없어요.", ["Ask again"]],
      // One that a later server has.
      ["weather", "", "The answer broke off. Please ask again.", "답을 끝맺지 못했어요. 다시 물어봐 주세요.", ["Ask again"]],
    ];
    for (const [at, [error, text, words, korean, offered]] of cases.entries()) {
      await broken(error, text);
      await answers.nth(at).waitFor();
      assert.deepEqual(await shown(), [words, offered], error);
      await mina.getByRole("button", { name: "한국어" }).click();
      await answers.last().getByText(korean).waitFor();
      await mina.getByRole("button", { name: "English" }).click();
    }
    const asked = mina.waitForRequest((request) => /\/v1\/ai\/runs\/\w+\/retry$/u.test(request.url()));
    await answers.last().getByRole("button", { name: "Ask again" }).click();
    await asked;
  });

  it("can be set on a phone, and with the keyboard alone", async () => {
    const [mina] = await club(PHONE);
    await roomMenu(mina, "Manage the club");
    await mina.getByRole("tab", { name: "Reports" }).focus();
    await mina.keyboard.press("ArrowLeft");
    const form = mina.locator("club-assistant");
    await form.getByLabel("The assistant answers").waitFor();
    assert.ok(await mina.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    const box = await mina.locator("club-admin .dialog").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
    assert.equal(box, 0);
    assert.ok(await mina.getByRole("tab", { name: "Assistant" }).evaluate((tab) => tab === document.activeElement));
    for (const _field of ["wakes", "bots", "persona"]) await mina.keyboard.press("Tab");
    assert.ok(await form.getByLabel("How the assistant is to be").evaluate((input) => input === document.activeElement));
    await mina.keyboard.type("Short.");
    for (let steps = 0; steps < 5 && !(await form.getByRole("button", { name: "Save" }).evaluate((button) => button === document.activeElement)); steps += 1) await mina.keyboard.press("Tab");
    await mina.keyboard.press("Enter");
    await mina.getByText("Saved.").waitFor();
  });
});
