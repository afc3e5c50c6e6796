// One's own bots: made in the account, their tokens shown once, marked where people see them; and whether they may ask the assistant.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stage } from "./stage.mjs";

describe("bots", () => {
  const { now, person, sees } = stage();
  const access = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const done = (page, name) => page.locator("ask-dialog").getByRole("button", { name, exact: true }).click();
  const open = async (page) => {
    await page.getByTitle("How you are").click();
    await page.getByRole("menuitem", { name: "Your account" }).click();
    await page.locator("account-bots").getByRole("button", { name: "Make a bot" }).waitFor();
  };
  const make = async (page, name, shown) => {
    await page.locator("account-bots").getByRole("button", { name: "Make a bot" }).click();
    const ask = page.locator("ask-dialog");
    await ask.getByLabel("Username").fill(name);
    await ask.getByLabel("Name that others see").fill(shown);
    await done(page, "Make it");
  };
  const told = (page) => page.getByTestId("bot-token");
  const tokenOf = (page) => told(page).locator("input").inputValue();

  it("are made with a token that is shown once, get another one, and go", async () => {
    const { server } = now;
    const mina = await person("mina");
    await open(mina);
    await mina.getByText("You have no bots.").waitFor();
    await make(mina, "mina", "Helper");
    await mina.locator("ask-dialog").getByText("That name is taken.").waitFor();
    await mina.locator("ask-dialog").getByLabel("Username").fill("helper");
    await done(mina, "Make it");
    await told(mina).getByText("shown this once").waitFor();
    const first = await tokenOf(mina);
    const me = await server.call("GET", "/me", undefined, first);
    assert.equal(me.kind, "bot");
    await mina.getByTestId("bots").getByText("@helper").waitFor();
    await told(mina).getByRole("button", { name: "I have kept it" }).click();
    assert.equal(await told(mina).isVisible(), false);
    assert.equal(await tokenOf(mina), "");
    await mina.getByRole("button", { name: "New token for Helper" }).click();
    await done(mina, "New token");
    await told(mina).getByText("shown this once").waitFor();
    const second = await tokenOf(mina);
    assert.notEqual(second, first);
    await assert.rejects(server.call("GET", "/me", undefined, first), /401/u);
    assert.equal((await server.call("GET", "/me", undefined, second)).kind, "bot");
    await mina.getByRole("button", { name: "Delete Helper" }).click();
    await done(mina, "Delete");
    await mina.getByText("You have no bots.").waitFor();
    assert.equal(await told(mina).isVisible(), false);
    await assert.rejects(server.call("GET", "/me", undefined, second), /401/u);
  });

  it("are marked by their messages, among the members and on their card", async () => {
    const { server } = now;
    const mina = await person("mina");
    await open(mina);
    await make(mina, "helper", "Helper");
    await told(mina).getByText("shown this once").waitFor();
    const token = await tokenOf(mina);
    await mina.keyboard.press("Escape");
    const room = await mina.evaluate(() => document.querySelector("chat-view").chat.current);
    await server.call("POST", `/rooms/${room}/messages`, { text: "beep" }, token);
    await sees(mina, "beep");
    const row = mina.locator("message-row", { hasText: "beep" });
    await row.locator('[data-part="bot"]').getByText("BOT").waitFor();
    await row.locator('[data-part="name"]').click();
    await mina.locator("person-card").getByText("BOT", { exact: true }).waitFor();
    await mina.keyboard.press("Escape");
    // Nobody is told of an account that has only just come into the lobby.
    await mina.reload();
    await sees(mina, "beep");
    const member = mina.locator("member-panel li", { hasText: "Helper" });
    await member.getByText("BOT", { exact: true }).waitFor();
    assert.equal(await mina.locator("member-panel li", { hasText: "mina" }).getByText("BOT", { exact: true }).isVisible(), false);
  });

  it("may ask the assistant where a room of a club says so", async () => {
    const { server } = now;
    const mina = await person("mina");
    const token = await access(mina);
    const club = await server.call("POST", "/clubs", { name: "plans" }, token);
    const { items } = await server.call("GET", `/clubs/${club.id}/rooms`, undefined, token);
    const detail = () => server.call("GET", `/rooms/${items[0].id}`, undefined, token);
    await mina.locator("room-list .section", { hasText: "plans" }).getByText("general").click();
    await mina.locator(".subtitle", { hasText: "plans" }).waitFor();
    await mina.getByRole("button", { name: "What to do with this room" }).click();
    await mina.getByRole("menuitem", { name: "Room settings", exact: true }).click();
    const settings = mina.locator("room-settings");
    await settings.getByLabel("Bots may ask the assistant").selectOption({ label: "yes, when they call it" });
    await settings.getByRole("button", { name: "Save", exact: true }).click();
    for (let tries = 0; !(await detail()).assistant_bots; tries += 1) {
      assert.ok(tries < 100, "the room says so");
      await mina.waitForTimeout(100);
    }
    assert.equal((await detail()).assistant_bots_own, true);
  });
});
