// The page of the actors, for admins: signs in like the talk, follows what happens, can be paused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PASSWORD, stage } from "./stage.mjs";

describe("the page of the actors", () => {
  const { now, visit, register, say, confirmed } = stage();
  const signIn = async (page, name) => {
    await page.getByTestId("username").fill(name);
    await page.getByTestId("password").fill(PASSWORD);
    await page.getByTestId("sign-in").click();
  };
  const watch = async (name) => {
    const page = await visit();
    await page.goto(`${now.server.url}/admin/actors`);
    await signIn(page, name);
    return page;
  };
  const room = (page, name) => page.locator('actor-box[data-kind="room"]', { hasText: name });
  const head = async (page, name, wanted) => room(page, name).getByText(`head ${wanted} `).waitFor();

  it("shows an admin the tree, and a room that changes when people talk", async () => {
    const mina = await visit();
    await register(mina, "mina");
    const admin = await watch("mina");
    await admin.getByTestId("tree").getByText("Journal", { exact: true }).waitFor();
    await room(admin, "general").getByText("1 seats").waitFor();
    await head(admin, "general", 0);
    for (const text of ["one", "two", "three"]) {
      await say(mina, text);
      await confirmed(mina, text);
    }
    await head(admin, "general", 3);
    assert.equal(await admin.getByTestId("totals").locator('[data-part="connections"]').textContent(), "1");
    // A room that nobody heard of before appears beside the others, which stay the same boxes.
    await room(admin, "general").evaluate((box) => { box.dataset.mark = "same"; });
    const { access_token: token } = await now.server.call("POST", "/auth/login", { username: "mina", password: PASSWORD });
    const club = await now.server.call("POST", "/clubs", { name: "Runners" }, token);
    const made = await now.server.call("POST", `/clubs/${club.id}/rooms`, { name: "saturday" }, token);
    await now.server.call("POST", `/rooms/${made.id}/messages`, { text: "first" }, token);
    await head(admin, "saturday", 1);
    assert.equal(await admin.locator('actor-box[data-mark="same"]').count(), 1);
  });

  it("stands still while it is paused", async () => {
    const mina = await visit();
    await register(mina, "mina");
    const admin = await watch("mina");
    await head(admin, "general", 0);
    const asked = [];
    await admin.getByRole("button", { name: "Pause" }).press("Enter");
    // The look that was under way may still end.
    await admin.getByRole("button", { name: "Go on" }).waitFor();
    await admin.waitForLoadState("networkidle");
    admin.on("request", (request) => request.url().includes("/admin/actors") && asked.push(request.url()));
    await say(mina, "one");
    await confirmed(mina, "one");
    await admin.waitForTimeout(1500);
    assert.deepEqual(asked, []);
    await room(admin, "general").getByText("head 0 ").waitFor();
    await admin.getByRole("button", { name: "Go on" }).press("Enter");
    await head(admin, "general", 1);
  });

  it("is not for others, and says so in their language", async () => {
    await now.server.register("mina");
    await now.server.register("jun");
    const jun = await watch("jun");
    await jun.getByRole("heading", { name: "This page is for admins" }).waitFor();
    assert.equal(await jun.getByTestId("tree").isVisible(), false);
    await jun.getByRole("button", { name: "한국어" }).click();
    await jun.getByRole("heading", { name: "관리자만 볼 수 있는 화면이에요" }).waitFor();
    await jun.getByRole("link", { name: "대화로 가기" }).last().click();
    await jun.getByTestId("room-list").waitFor();
  });

  it("reads as lists to a screen reader, and says when the server is away", async () => {
    await now.server.register("mina");
    const admin = await watch("mina");
    const tree = admin.getByTestId("tree");
    await tree.getByText("Journal", { exact: true }).waitFor();
    assert.equal(await tree.getAttribute("role"), "list");
    const branches = tree.locator('actor-box[data-kind="root"] > [role="list"]');
    const items = await branches.evaluate((list) => [...list.children].map((item) => item.getAttribute("role")));
    assert.ok(items.length >= 5 && items.every((role) => role === "listitem"), String(items));
    await now.server.kill();
    await admin.getByRole("alert").getByText("The server does not answer").waitFor();
    await now.server.run();
    await admin.getByRole("alert").waitFor({ state: "hidden" });
    await tree.getByText("Journal", { exact: true }).waitFor();
  });
});
