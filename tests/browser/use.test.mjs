// Using: Hangul, phone, languages, keyboard, clubs, presence, screen readers.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DESKTOP, PASSWORD, PHONE, stage } from "./stage.mjs";

describe("the page in use", () => {
  const { now, visit, register, person, say, sees, confirmed } = stage();

  it("does not send in the middle of composing Hangul", async () => {
    const mina = await person("mina");
    const composer = mina.getByTestId("composer");
    await composer.focus();
    await composer.evaluate((element) => {
      element.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
      element.value = "안녀";
      element.dispatchEvent(new InputEvent("input", { bubbles: true, isComposing: true }));
      for (const more of [{ isComposing: true }, { keyCode: 229 }]) {
        element.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...more }));
      }
    });
    assert.equal(await composer.inputValue(), "안녀");
    assert.equal(await mina.locator("message-row").count(), 0);
    await composer.evaluate((element) => {
      element.value = "안녕";
      element.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "안녕" }));
      element.dispatchEvent(new InputEvent("input", { bubbles: true }));
      // Some browsers end composing first and then give the key that ended it, marked 229.
      element.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true }));
    });
    assert.equal(await mina.locator("message-row").count(), 0);
    await composer.press("Shift+Enter");
    assert.equal(await composer.inputValue(), "안녕\n");
    await composer.press("Enter");
    await sees(mina, "안녕");
    assert.equal(await mina.locator("message-row").count(), 1);
  });

  it("composes Hangul through the browser's own input method and sends it once", async () => {
    const mina = await person("mina");
    await mina.getByTestId("composer").focus();
    const devtools = await mina.context().newCDPSession(mina);
    for (const text of ["ㅎ", "하", "한"]) {
      await devtools.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
    }
    await mina.keyboard.press("Enter");
    assert.equal(await mina.locator("message-row").count(), 0);
    await devtools.send("Input.insertText", { text: "한글" });
    await mina.keyboard.press("Enter");
    await mina.locator("message-row", { hasText: "한글" }).waitFor();
    assert.equal(await mina.locator("message-row").count(), 1);
  });

  it("fits a phone: two screens, a way back, nothing to scroll sideways", async () => {
    const mina = await person("mina", PHONE);
    const fits = () => mina.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth);
    assert.equal(await mina.getByTestId("composer").isVisible(), false);
    assert.ok(await fits());
    await mina.getByTestId("room-list").getByText("general").click();
    await mina.getByTestId("composer").waitFor();
    assert.equal(await mina.getByTestId("room-list").isVisible(), false);
    await say(mina, "a".repeat(300));
    await confirmed(mina, "a".repeat(300));
    assert.ok(await fits());
    const box = await mina.getByTestId("composer").boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y + box.height <= 844);
    await mina.getByRole("button", { name: "Members" }).click();
    await mina.getByRole("heading", { name: "Members" }).waitFor();
    assert.ok(await fits());
    await mina.keyboard.press("Escape");
    await mina.getByRole("heading", { name: "Members" }).waitFor({ state: "hidden" });
    await mina.getByRole("button", { name: "Back to rooms" }).click();
    await mina.getByTestId("room-list").waitFor();
    assert.ok(await fits());
  });

  it("speaks Korean and English, and remembers which", async () => {
    const page = await visit(DESKTOP, "ko-KR");
    await page.getByRole("button", { name: "로그인", exact: true }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "ko");
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await register(page, "mina");
    await page.getByPlaceholder("Write to general").waitFor();
    await page.getByRole("button", { name: "한국어" }).click();
    await page.getByPlaceholder("general에 메시지 쓰기").waitFor();
    await page.getByText("연결됨").first().waitFor();
    await page.reload();
    await page.getByPlaceholder("general에 메시지 쓰기").waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "ko");
  });

  it("can be used with the keyboard alone", async () => {
    const page = await visit();
    const press = async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const reach = async (wanted) => {
      for (let steps = 0; steps < 40; steps += 1) {
        if (await page.evaluate((selector) => document.activeElement?.matches(selector), wanted)) return;
        await press("Tab");
      }
      assert.fail(`the tab key does not lead to ${wanted}`);
    };
    await page.getByTestId("to-register").waitFor();
    await reach('[data-testid="to-register"]');
    await press("Enter");
    await page.keyboard.type("mina");
    await press("Tab");
    await page.keyboard.type(PASSWORD);
    await press("Enter");
    await page.getByTestId("composer").waitFor();
    await page.waitForFunction(() => document.activeElement?.id === "composer");
    await page.keyboard.type("without a mouse");
    await press("Enter");
    await sees(page, "without a mouse");
    await reach('[data-part="browse"]');
    await press("Enter");
    await page.getByRole("tab", { name: "Start a club" }).waitFor();
    await reach('[role="tab"]');
    await press("ArrowRight", "Tab");
    await page.keyboard.type("Book club");
    await press("Enter");
    await page.getByRole("heading", { name: "Book club" }).waitFor();
    await page.waitForFunction(() => document.activeElement?.id === "composer");
    await page.keyboard.type("first words");
    await press("Enter");
    await sees(page, "first words");
    await press("Alt+ArrowUp");
    await sees(page, "without a mouse");
  });

  it("makes a club and a room in it, and another person finds and joins", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    await mina.getByRole("button", { name: "Browse clubs" }).click();
    await mina.getByRole("tab", { name: "Start a club" }).click();
    await mina.getByLabel("Name", { exact: true }).fill("Runners");
    await mina.getByRole("button", { name: "Create club" }).click();
    await mina.getByRole("button", { name: "New room in Runners" }).click();
    await mina.getByLabel("Room name").fill("saturday");
    await mina.getByRole("button", { name: "Create room" }).click();
    await mina.getByRole("heading", { level: 1, name: "saturday" }).waitFor();
    const carol = await now.server.register("carol");
    await now.server.call("POST", "/clubs", { name: "Closed circle", join_policy: "request" }, carol.access_token);
    await jun.getByRole("button", { name: "Browse clubs" }).click();
    assert.equal(await jun.getByRole("button", { name: "Not open" }).isDisabled(), true);
    await jun.getByRole("button", { name: "Join", exact: true }).click();
    await jun.getByTestId("room-list").getByText("saturday").click();
    await jun.getByRole("heading", { level: 1, name: "saturday" }).waitFor();
    assert.equal(await jun.getByRole("button", { name: "New room in Runners" }).isVisible(), false);
    await say(jun, "where do we start?");
    await sees(mina, "where do we start?");
  });

  it("tells who is here and who is typing", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    await mina.locator("member-panel .is-here", { hasText: "jun" }).waitFor();
    await jun.getByTestId("composer").pressSequentially("wait");
    await mina.getByText("jun is typing").waitFor();
    await jun.getByTestId("composer").press("Enter");
    await sees(mina, "wait");
    await mina.getByText("jun is typing").waitFor({ state: "hidden" });
  });

  it("is a log to a screen reader, and busy while history comes", async () => {
    const mina = await person("mina");
    const log = mina.getByRole("log");
    await mina.locator('message-timeline .log[aria-busy="false"]').waitFor();
    assert.deepEqual(
      await log.evaluate((element) => [element.getAttribute("aria-live"), element.getAttribute("aria-busy"), element.ariaLabel]),
      ["polite", "false", "Messages in general"],
    );
    assert.equal(await mina.getByTestId("composer").evaluate((element) => element.ariaLabel), "Message to general");
  });

  it("renews tokens in two tabs at once without using one of them twice", async () => {
    const first = await person("mina");
    const second = await first.context().newPage();
    await second.goto(first.url());
    await second.getByTestId("composer").waitFor();
    const answers = [];
    first.context().on("response", (response) => response.url().endsWith("/auth/refresh") && answers.push(response.status()));
    for (let turn = 0; turn < 4; turn += 1) {
      await Promise.all([first, second].map(async (page) => {
        await page.evaluate(() => {
          const pair = JSON.parse(localStorage.getItem("moim.tokens"));
          localStorage.setItem("moim.tokens", JSON.stringify({ ...pair, until: 0 }));
        });
        const listed = page.waitForResponse((response) => response.url().includes("/v1/clubs") && response.ok());
        await page.getByRole("button", { name: "Browse clubs" }).evaluate((button) => button.click());
        await listed;
        await page.keyboard.press("Escape");
      }));
    }
    assert.ok(answers.length >= 4 && answers.every((status) => status === 200), String(answers));
    for (const page of [first, second]) assert.ok(await page.getByTestId("composer").isVisible());
    await first.getByRole("button", { name: "Sign out" }).click();
    for (const page of [first, second]) await page.getByTestId("sign-in").waitFor();
  });
});
