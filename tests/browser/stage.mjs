// What the tests of the page share: a browser, a fresh server for each test, and the verbs of a user.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";
import { Server } from "./harness.mjs";

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  // A page that comes from a folder has no address of its own, and may speak to this machine all the same.
  ...(process.env.MOIM_WEB ? ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"] : []),
];
export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const PASSWORD = "correct horse";

/** What takes longer has failed; a machine with much to do is slow. */
const ANSWER_MS = 40_000;
/** Who has found nobody some times waits for half a minute. */
const RETURN_MS = 90_000;

const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", html: "text/html" };

/**
 * With `MOIM_WEB` the files of the page come from that folder, not from the program, which has them as
 * they were when it was built: for who works on the page. The policy is the server's own.
 */
const fromFolder = async (context, server, { bypassCSP }) => {
  const policy = (await fetch(server.url)).headers.get("content-security-policy");
  const isPage = ({ pathname }) => !/^\/(?:v1|files|healthz|readyz|metrics)\b/u.test(pathname);
  await context.route(isPage, async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = /\.\w+$/u.test(pathname) ? pathname : "/index.html";
    const body = await readFile(join(process.env.MOIM_WEB, path)).catch(() => null);
    const type = `${TYPES[path.split(".").at(-1)]}; charset=utf-8`;
    const headers = { "content-type": type, ...(!bypassCSP && { "content-security-policy": policy }) };
    await route.fulfill(body ? { status: 200, headers, body } : { status: 404 });
  });
};

/**
 * Call inside `describe`. A test fails when the page threw or broke its content security policy.
 * @param {() => Record<string, string>} [settings] of each server, as the environment has them
 */
export function stage(settings = () => ({})) {
  const now = { server: null };
  let browser, contexts, problems;

  before(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
  });
  after(() => browser.close());
  beforeEach(async () => {
    now.server = await Server.start(settings());
    contexts = [];
    problems = [];
  });
  afterEach(async () => {
    for (const context of contexts) await context.close();
    await now.server.stop();
    assert.deepEqual(problems, [], "the page threw");
  });

  const visit = async (options = DESKTOP, locale = "en-US") => {
    const context = await browser.newContext({ ...options, locale });
    contexts.push(context);
    if (process.env.MOIM_WEB) await fromFolder(context, now.server, options);
    const page = await context.newPage();
    page.setDefaultTimeout(ANSWER_MS);
    page.on("pageerror", (error) => problems.push(error.stack));
    page.on("console", (message) => /Content Security Policy/i.test(message.text()) && problems.push(message.text()));
    await page.goto(now.server.url);
    return page;
  };
  const register = async (page, name) => {
    await page.getByTestId("to-register").click();
    await page.getByTestId("username").fill(name);
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("register").click();
    await page.getByTestId("room-list").getByText("general").waitFor();
  };
  const person = async (name, options, locale) => {
    const page = await visit(options, locale);
    await register(page, name);
    return page;
  };
  const say = async (page, text) => {
    await page.getByTestId("composer").fill(text);
    await page.getByTestId("composer").press("Enter");
  };
  const sees = (page, text) => page.getByTestId("messages").getByText(text, { exact: true }).waitFor();
  const confirmed = (page, text) => page.locator('message-row[data-state="confirmed"]', { hasText: text }).waitFor();
  const texts = (page) => page.locator("message-row .bubble").allTextContents();
  const online = (page) => page.locator('.brand status-pill[data-status="online"]').waitFor({ timeout: RETURN_MS });
  const unread = (page, count) =>
    page.waitForFunction(
      (wanted) => {
        const badge = document.querySelector('room-list [data-part="unread"]');
        return wanted === 0 ? badge?.hidden : !badge?.hidden && badge?.textContent === String(wanted);
      },
      count,
    );

  return { now, visit, register, person, say, sees, confirmed, texts, online, unread };
}
