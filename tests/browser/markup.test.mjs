// What marks look like: bold and code, links that open elsewhere, spoilers that wait, faces that stay faces.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PHONE, stage } from "./stage.mjs";

describe("text with marks", () => {
  const { now, person, say, texts } = stage();
  const last = (page) => page.locator("message-row .bubble").last();

  it("is shown as it is meant, to who wrote it and to others, live and after a reload", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    const text = "# 내일 **7시**\n- 물\n- `컵`\n\n> 어제\n\n1. 하나\n```js\nlet a = 1;\n```\n~~끝~~ :smile:";
    await say(mina, text);
    const shown = (page) =>
      last(page).evaluate((bubble) => bubble.innerHTML.replaceAll(/ data-part="text"| dir="auto"/gu, ""));
    const wanted =
      "<p><strong>내일 <strong>7시</strong></strong></p><ul><li>물</li><li><code>컵</code></li></ul><blockquote><p>어제</p></blockquote>" +
      '<ol><li>하나</li></ol><pre><code data-language="js">let a = 1;</code></pre><p><del>끝</del> 😄</p>';
    for (const page of [jun, mina]) {
      await page.locator("message-row .bubble ul").waitFor();
      assert.equal(await shown(page), wanted);
    }
    await jun.reload();
    await jun.locator("message-row .bubble ul").waitFor();
    assert.equal(await shown(jun), wanted);
  });

  it("stays what was typed where nothing was meant", async () => {
    const mina = await person("mina");
    const faces = ["*^^* 안녕~ 반가워~", "2026. 11. 20. 모임", ">_< 3 * 4 * 5", "a\n  b\n\nc", "<b>x</b> &lt;b&gt;"];
    for (const text of faces) {
      await mina.getByTestId("composer").fill(text);
      await mina.getByTestId("composer").press("Enter");
    }
    await mina.waitForFunction((count) => document.querySelectorAll('message-row[data-state="confirmed"]').length === count, faces.length);
    assert.deepEqual(await texts(mina), faces);
    assert.equal(await mina.locator("message-row .bubble *").count(), 0);
  });

  it("keeps long lines of code within the conversation, where they can be scrolled", async () => {
    for (const options of [undefined, PHONE]) {
      const page = await person(options ? "jun" : "mina", options);
      if (options) await page.getByTestId("room-list").getByText("general").click();
      await say(page, `\`\`\`\n${"a long line; ".repeat(30)}\n\`\`\``);
      const code = page.locator('message-row[data-state="confirmed"] .bubble pre').last();
      await code.waitFor();
      const [inside, hasMore] = await code.evaluate((pre) => {
        const log = pre.closest(".log").getBoundingClientRect();
        return [pre.getBoundingClientRect().right <= log.right, pre.scrollWidth > pre.clientWidth];
      });
      assert.deepEqual([inside, hasMore], [true, true]);
    }
  });

  it("links to other places in a new tab, and says where to", async () => {
    const mina = await person("mina");
    await say(mina, "https://example.org/a?b=c and [here](https://example.org/d) and [there](javascript:alert(1)) and [near](/rooms/r_1)");
    await mina.locator("message-row .bubble a").first().waitFor();
    const links = await mina.locator("message-row .bubble a").evaluateAll((all) => all.map(({ textContent, href, target, rel, title }) => [textContent, href, target, rel, title]));
    const rel = "noopener noreferrer nofollow ugc";
    const [one, two] = ["https://example.org/a?b=c", "https://example.org/d"];
    assert.deepEqual(links, [[one, one, "_blank", rel, one], ["here", two, "_blank", rel, two]]);
  });

  it("hides a spoiler until it is asked for, by pointer or by keyboard", async () => {
    const mina = await person("mina");
    await say(mina, "so ||[it was him](https://example.org) @mina||");
    const spoiler = mina.getByRole("button", { name: "Hidden text. Show it." });
    const link = mina.locator("message-row .bubble a");
    await spoiler.waitFor();
    assert.equal(await link.isVisible(), false);
    await spoiler.focus();
    await mina.keyboard.press("Tab");
    assert.equal(await link.evaluate((element) => element === document.activeElement), false);
    await spoiler.focus();
    await mina.keyboard.press("Enter");
    await link.waitFor();
    assert.equal(await spoiler.count(), 0);
    assert.equal(await mina.locator("message-row .bubble .mention.is-me").textContent(), "@mina");
    await mina.reload();
    await spoiler.click();
    await link.waitFor();
  });

  it("is read without its marks in cards and quotes, and a spoiler stays shut there", async () => {
    const { server } = now;
    const mina = await person("mina");
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    await say(mina, "**bold** plan, ||it was *him||*, [the list](https://example.org/him) for him\n- `code`");
    await last(mina).locator("code").waitFor();
    const wanted = "bold plan, ▒▒▒, the list for him code";
    const { items } = await server.call("GET", `/rooms/${id}/messages`, undefined, jun.access_token);
    await server.call("POST", `/rooms/${id}/messages`, { text: "yes", reply_to: items[0].id, cid: "c-1" }, jun.access_token);
    await mina.getByRole("button", { name: `mina: ${wanted}` }).waitFor();
    await mina.locator("message-row .bubble", { hasText: "code" }).first().hover();
    await mina.locator('message-timeline message-actions [data-part="more"]').click();
    await mina.getByRole("menuitem", { name: "Pin", exact: true }).click();
    await mina.getByRole("button", { name: "Pins" }).click();
    const words = (panel) => mina.locator(`${panel} .message-card .text`).textContent().then((text) => text.split(/\s+/u).join(" "));
    await mina.locator("pin-panel .message-card").waitFor();
    assert.equal(await words("pin-panel"), wanted);
    await mina.keyboard.press("Control+k");
    await mina.getByTestId("search").fill("him list");
    await mina.locator("search-panel mark").nth(1).waitFor();
    assert.equal(await words("search-panel"), wanted);
    assert.deepEqual(await mina.locator("search-panel mark").allTextContents(), ["list", "him"]);
  });

  it("calls nobody in code", async () => {
    const { server } = now;
    const mina = await person("mina");
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    for (const [at, text] of ["`@mina`", "```\n@mina\n```", "https://example.org/@mina", "a ` b @mina"].entries()) {
      await server.call("POST", `/rooms/${id}/messages`, { text, cid: `c-${at}` }, jun.access_token);
    }
    await mina.locator("message-row .bubble .mention").waitFor();
    assert.equal(await mina.locator("message-row .bubble .mention").count(), 1);
  });

  it("cannot be made by who sends it", async () => {
    const { server } = now;
    const jun = await server.register("jun");
    const { id } = await server.lobby(jun.access_token);
    await server.call("POST", `/rooms/${id}/messages`, { text: "plain", html: "<img src=x onerror=alert(1)>", cid: "c-1" }, jun.access_token);
    const { items } = await server.call("GET", `/rooms/${id}/messages`, undefined, jun.access_token);
    assert.deepEqual([items[0].text, items[0].html], ["plain", undefined]);
  });
});
