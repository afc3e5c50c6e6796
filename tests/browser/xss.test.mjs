// Thousands of payloads in messages and names: nothing of them may run, load or open anything. The page
// is looked at without its content security policy, which would hide a hole, and then with it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { named, PAYLOADS } from "./payloads.mjs";
import { DESKTOP, PASSWORD, stage } from "./stage.mjs";

// Thousands of accounts: passwords are not what is tested.
process.env.MOIM_PASSWORD_MEMORY_KIB = "64";
process.env.MOIM_UPLOADS_PER_HOUR = "0";

const AT_ONCE = 12;
// Ten clubs a minute may be joined.
const ROOMS_OF_A_CLUB = 300;
const FILES = 10;
const NAMES = named(64);
const ROOMS = named(50);

/** Does something for each entry of a list, a few at a time; the results are in its order. */
async function each(list, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const at = next;
      next += 1;
      results[at] = await work(list[at], at);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Uploads a file of a few words. */
async function upload(server, room, name, token) {
  const address = `${server.url}/v1/rooms/${room}/files?${new URLSearchParams({ name })}`;
  const answer = await fetch(address, { method: "POST", headers: { Authorization: `Bearer ${token}` }, body: "words" });
  assert.equal(answer.status, 201, name);
  return answer.json();
}

/** Runs in the page before anything else: what a payload would call, and what breaks the policy. */
function watch() {
  const note = (what) => {
    try {
      (top.ran ??= []).push(what);
    } catch {
      window.ran = [what];
    }
  };
  Object.defineProperty(window, "xss", { value: (number) => note(number ?? "xss()") });
  for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = () => note(`${name}()`);
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => note(`${violatedDirective} ${blockedURI}`));
}

/** Runs in the page: whatever in a message is not what a message may be made of. */
function odd() {
  const attributes = { A: ["href", "title", "target", "rel"], CODE: ["data-language"], SPAN: ["class", "role", "tabindex", "aria-label", "inert"] };
  const tags = ["P", "BR", "STRONG", "EM", "DEL", "BLOCKQUOTE", "UL", "OL", "LI", "HR", "PRE", "A", "CODE", "SPAN"];
  const found = [];
  for (const element of document.querySelectorAll("message-row .bubble *")) {
    const { tagName } = element;
    const isKnown = tags.includes(tagName) && element.getAttributeNames().every((name) => attributes[tagName]?.includes(name));
    const leads = tagName !== "A" || (["http:", "https:", "mailto:"].includes(element.protocol) && element.target === "_blank" && element.relList.contains("noopener"));
    if (!isKnown || !leads) found.push(element.outerHTML.slice(0, 300));
  }
  return found;
}

describe("thousands of payloads", () => {
  const { now, visit } = stage();

  /** Who looks at them: an account made by call, with everything watched. */
  const reader = async (server, options) => {
    const page = await visit(options);
    const strange = [];
    page.on("dialog", (dialog) => strange.push(`dialog ${dialog.message()}`) && dialog.dismiss());
    page.on("popup", (popup) => strange.push(`popup ${popup.url()}`));
    page.on("download", (download) => strange.push(`download ${download.url()}`));
    page.on("framenavigated", (frame) => !frame.url().startsWith(server.url) && strange.push(`went to ${frame.url()}`));
    page.context().on("request", (request) => !request.url().startsWith(server.url) && strange.push(`asked ${request.url()}`));
    await page.addInitScript(watch);
    await page.getByTestId("username").fill("reader");
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("sign-in").click();
    await page.getByTestId("composer").waitFor();
    // The watch begins with a new document.
    await page.reload();
    await page.getByTestId("composer").waitFor();
    return { page, strange };
  };

  /** Everything that a pointer and a keyboard could set off, short of leaving the page. */
  const touch = (page) =>
    page.evaluate(() => {
      const events = ["mouseover", "mouseenter", "mousemove", "pointerover", "focus", "focusin", "animationstart", "toggle", "load", "error"];
      for (const element of document.querySelectorAll("message-row *, room-list *, side-panel *, chat-room *, club-admin *")) {
        for (const name of events) element.dispatchEvent(new Event(name));
        if (element.matches(".spoiler")) element.click();
      }
    });

  const nothingRan = async ({ page, strange }, where) => {
    await touch(page);
    assert.deepEqual(await page.evaluate(() => window.ran ?? []), [], `something ran in ${where}`);
    assert.deepEqual(await page.evaluate(odd), [], `something is odd in ${where}`);
    assert.deepEqual(strange, [], `something happened in ${where}`);
    const outside = await page.evaluate(() => document.querySelectorAll("iframe, object, embed, base, form[action], body script, math, message-row :is(img, svg, style, link, meta):not(message-actions *)").length);
    assert.equal(outside, 0, where);
  };

  /** Reads the history of the open room to its beginning. */
  const readBack = async (page) => {
    const log = page.getByTestId("messages");
    const state = () => page.evaluate(() => [document.querySelectorAll("message-row").length, document.querySelector(".history")?.textContent.includes("beginning") ?? false]);
    for (let [count, isAll] = await state(); !isAll; [count, isAll] = await state()) {
      await log.evaluate((element) => (element.scrollTop = 0));
      await page.waitForFunction(
        (before) => document.querySelectorAll("message-row").length > before || document.querySelector(".history")?.textContent.includes("beginning"),
        count,
      );
    }
  };

  it("run where they are not kept out, so that the rest of this file means something", async () => {
    const page = await visit({ ...DESKTOP, bypassCSP: true });
    const context = await page.context().browser().newContext({ bypassCSP: true });
    const raw = await context.newPage();
    await raw.route("**", (route) => (route.request().url() === `${now.server.url}/healthz` ? route.continue() : route.abort()));
    await raw.addInitScript(watch);
    raw.on("dialog", (dialog) => dialog.dismiss());
    await raw.goto(`${now.server.url}/healthz`);
    const likely = PAYLOADS.filter((text) => /on(?:error|load)=["']?xss/iu.test(text) && !/<(?:meta|base|form|plaintext|frameset|body)/iu.test(text));
    const insert = (texts) => {
      for (const [at, text] of texts.entries()) {
        const place = document.createElement("div");
        document.body.append(place);
        place.innerHTML = text.replace(/xss\(\)/u, `xss(${at})`);
      }
    };
    await raw.evaluate(insert, likely);
    await raw.waitForFunction(() => new Set(window.ran).size > 200);
    await context.close();
  });

  it("do nothing in messages and in the names of who wrote them", async () => {
    assert.ok(PAYLOADS.length >= 3_000 && NAMES.length >= 3_000, `${PAYLOADS.length} ${NAMES.length}`);
    const { server } = now;
    const { access_token: mine } = await server.register("reader");
    const lobby = await server.lobby(mine);
    const authors = NAMES.slice(0, 3_000);
    const tokens = await each(authors, async (display_name, at) => {
      const body = { username: `author-${at}`, password: PASSWORD, display_name };
      return (await server.call("POST", "/auth/register", body)).access_token;
    });
    await each(PAYLOADS, (text, at) => server.call("POST", `/rooms/${lobby.id}/messages`, { text, cid: `c-${at}` }, tokens[at % tokens.length]));
    // One more while somebody looks, after all the others were read.
    const bare = await reader(server, { ...DESKTOP, bypassCSP: true });
    await readBack(bare.page);
    assert.equal(await bare.page.locator("message-row").count(), PAYLOADS.length);
    await server.call("POST", `/rooms/${lobby.id}/messages`, { text: `**live** ${PAYLOADS[0]}`, cid: "live" }, tokens[0]);
    await bare.page.locator("message-row strong", { hasText: "live" }).waitFor();
    await nothingRan(bare, "messages");
    const named = await bare.page.locator("message-row .name").allTextContents();
    assert.ok(named.filter((name) => authors.includes(name)).length > 2_900, "the names are shown as they are");
    await bare.page.close();
    const kept = await reader(server);
    await kept.page.locator("message-row strong", { hasText: "live" }).waitFor();
    await nothingRan(kept, "the newest messages, with the policy");
  });

  it("do nothing in the names of files", async () => {
    const { server } = now;
    const { access_token: mine } = await server.register("reader");
    const lobby = await server.lobby(mine);
    const uploaders = await each(Array.from({ length: AT_ONCE }), async (_, at) => (await server.register(`uploader-${at}`)).access_token);
    const names = NAMES.slice(0, 3_000);
    const parts = Array.from({ length: names.length / FILES }, (_, at) => names.slice(at * FILES, (at + 1) * FILES));
    const shown = await each(parts, async (part, at) => {
      const token = uploaders[at % AT_ONCE];
      const files = [];
      for (const name of part) files.push(await upload(server, lobby.id, name, token));
      await server.call("POST", `/rooms/${lobby.id}/messages`, { text: "", files: files.map(({ id }) => id), cid: `c-${at}` }, token);
      return files.map(({ name }) => name);
    });
    const { page, strange } = await reader(server, { ...DESKTOP, bypassCSP: true });
    await readBack(page);
    const listed = await page.locator('message-row file-strip [data-part="name"]').allTextContents();
    assert.deepEqual(listed.sort(), shown.flat().sort());
    await nothingRan({ page, strange }, "the names of files");
  });

  it("do nothing in the names of rooms", async () => {
    assert.ok(ROOMS.length >= 3_000, String(ROOMS.length));
    const { server } = now;
    const { access_token: mine } = await server.register("reader");
    const rooms = ROOMS.slice(0, 3_000);
    const parts = Array.from({ length: Math.ceil(rooms.length / ROOMS_OF_A_CLUB) }, (_, at) => rooms.slice(at * ROOMS_OF_A_CLUB, (at + 1) * ROOMS_OF_A_CLUB));
    const clubs = await each(parts, async (names, at) => {
      const { access_token } = await server.register(`owner-${at}`);
      const club = await server.call("POST", "/clubs", { name: `${names[0].slice(0, 30)} ${at}`, kind: "community", join_policy: "open" }, access_token);
      const made = [];
      for (const name of names) made.push(await server.call("POST", `/clubs/${club.id}/rooms`, { name }, access_token));
      return { club, made };
    });
    for (const { club } of clubs) await server.call("POST", `/clubs/${club.id}/join`, {}, mine);
    const { page, strange } = await reader(server, { ...DESKTOP, bypassCSP: true });
    const shown = clubs.flatMap(({ made }) => made.map(({ name }) => name));
    await page.waitForFunction((count) => document.querySelectorAll('room-list [data-part="link"]').length > count, shown.length);
    const list = await page.getByTestId("room-list").textContent();
    for (const name of shown) assert.ok(list.includes(name), name);
    await nothingRan({ page, strange }, "the list of rooms");
    for (const name of shown.filter((_, at) => at % 100 === 0)) {
      await page.getByTestId("room-list").getByText(name, { exact: true }).first().click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
    }
    await nothingRan({ page, strange }, "rooms that were opened");
  });

  it("do nothing where messages are quoted, found, pinned, told of or reported, nor in what rooms and people say of themselves", async () => {
    const { server } = now;
    const { access_token: mine } = await server.register("reader");
    const some = PAYLOADS.filter((text) => [...text].length <= 180 && /[<"'&:]/u.test(text)).filter((_, at, all) => at % Math.ceil(all.length / 330) === 0);
    assert.ok(some.length >= 300, String(some.length));
    const club = await server.call("POST", "/clubs", { name: some.find((text) => text.length < 40), join_policy: "open" }, mine);
    // One person may not say so much in so short a time.
    const writers = await each(Array.from({ length: AT_ONCE }), async (_, at) => (await server.register(`writer-${at}`)).access_token);
    for (const token of writers) await server.call("POST", `/clubs/${club.id}/join`, {}, token);
    const { items } = await server.call("GET", `/clubs/${club.id}/rooms`, undefined, mine);
    const at = `/rooms/${items[0].id}`;
    const root = await server.call("POST", `${at}/messages`, { text: `@reader ${some[0]}`, cid: "root" }, writers[0]);
    await each(some, async (text, place) => {
      const wish = place % 2 ? { thread: root.id } : { reply_to: root.id };
      const { id } = await server.call("POST", `${at}/messages`, { text: `${text} @reader zebra`, cid: `c-${place}`, ...wish }, writers[place % AT_ONCE]);
      if (place < 40) await server.call("PUT", `${at}/messages/${id}/pin`, {}, mine);
      if (place < 60) await server.call("POST", `${at}/messages/${id}/report`, { reason: "other", note: text.slice(0, 500) }, mine);
      if (place < 60) await server.call("POST", `/clubs/${club.id}/filters`, { pattern: text.slice(0, 200), action: "report" }, mine).catch(() => {});
    });
    await server.call("PATCH", at, { topic: some[1].normalize("NFC").slice(0, 150) }, mine);
    await server.call("PATCH", "/me", { status_text: some.find((text) => [...text].length <= 60) }, writers[0]);
    const seen = await reader(server, { ...DESKTOP, bypassCSP: true });
    const { page } = seen;
    await page.locator("room-list .section").last().getByText("general").click();
    await page.locator(".thread-row, message-row .quote:visible").first().waitFor();
    await nothingRan(seen, "quotes");
    const open = async (name, place) => {
      await page.evaluate((wish) => document.dispatchEvent(new CustomEvent("open-panel", { detail: wish })), { name, root: root.id });
      await page.locator(place).nth(5).waitFor();
      await nothingRan(seen, name);
    };
    await open("thread", "thread-panel message-row");
    await open("pins", "pin-panel .message-card");
    await open("inbox", "inbox-panel .message-card");
    await open("members", "room-list .room, member-panel .member");
    await page.keyboard.press("Control+k");
    await page.getByTestId("search").fill("zebra");
    for (const count of [20, 40, 60]) {
      await page.locator("search-panel .message-card").nth(count - 1).waitFor();
      await page.locator('search-panel [data-part="more"]').click();
    }
    await nothingRan(seen, "what is found");
    await page.evaluate((id) => document.dispatchEvent(new CustomEvent("club-admin", { detail: id })), club.id);
    await page.locator("club-admin .admin-item").nth(10).waitFor();
    await nothingRan(seen, "reports");
    await page.locator('club-admin [data-part="tab-filters"]').click();
    await page.locator("club-admin .admin-item").nth(5).waitFor();
    await nothingRan(seen, "rules");
  });
});
