// One's own account: name, language and status, devices and signing them out, a new password, all one's data as a file, the end of it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { PASSWORD, PHONE, stage } from "./stage.mjs";

describe("one's own account", () => {
  const { now, visit, person, say, sees, confirmed } = stage();
  const signIn = async (page, name, password = PASSWORD) => {
    await page.getByTestId("username").fill(name);
    await page.getByTestId("password").fill(password);
    await page.getByTestId("sign-in").click();
  };
  const again = async (name, options) => {
    const page = await visit(options);
    await signIn(page, name);
    await page.getByTestId("room-list").getByText("general").waitFor();
    return page;
  };
  const open = async (page) => {
    await page.getByTitle("How you are").click();
    await page.getByRole("menuitem", { name: "Your account" }).click();
    await page.getByTestId("devices").locator("li").first().waitFor();
  };
  const tokens = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
  const me = async (page) => {
    const { user, locale } = await now.server.call("GET", "/me", undefined, await tokens(page));
    return [user.display_name, user.status_text ?? "", locale];
  };
  const done = (page, name) => page.locator("ask-dialog").getByRole("button", { name, exact: true }).click();

  it("lists where one is signed in, and signs out one, or all but this one", async () => {
    const mina = await person("mina");
    const [second, third] = [await again("mina"), await again("mina")];
    await open(mina);
    const devices = mina.getByTestId("devices").locator("li");
    await devices.nth(2).waitFor();
    assert.match(await devices.first().textContent(), /Chrome · Linux.*this one/u);
    assert.equal(await mina.getByRole("button", { name: "Sign out Chrome · Linux" }).count(), 2);
    await mina.getByRole("button", { name: "Sign out Chrome · Linux" }).first().click();
    await devices.nth(2).waitFor({ state: "detached" });
    const out = await Promise.race([second, third].map(async (page) => {
      await page.getByText("This device was signed out.").waitFor();
      return page;
    }));
    const other = out === second ? third : second;
    assert.ok(await other.getByTestId("composer").isVisible());
    await mina.getByRole("button", { name: "Sign out everywhere else" }).click();
    await done(mina, "Sign out everywhere else");
    await other.getByText("This device was signed out.").waitFor();
    await devices.nth(1).waitFor({ state: "detached" });
    assert.equal(await mina.getByRole("button", { name: "Sign out everywhere else" }).isVisible(), false);
    await mina.keyboard.press("Escape");
    await say(mina, "still here");
    await confirmed(mina, "still here");
  });

  it("changes the password, and says what is wrong where it is wrong", async () => {
    const mina = await person("mina");
    const elsewhere = await again("mina");
    await open(mina);
    await mina.getByRole("button", { name: "Change the password" }).click();
    const fill = async (old, fresh, repeated) => {
      await mina.getByLabel("Password until now").fill(old);
      await mina.getByLabel("New password", { exact: true }).fill(fresh);
      await mina.getByLabel("New password once more").fill(repeated);
      await done(mina, "Change it");
    };
    await fill(PASSWORD, "another horse", "another house");
    await mina.getByText("These two are not the same.").waitFor();
    assert.equal(await mina.getByLabel("New password once more").getAttribute("aria-invalid"), "true");
    await fill(PASSWORD, "short", "short");
    await mina.getByText("8–128 characters, and not the same as the username.").waitFor();
    await fill("wrong horse", "another horse", "another horse");
    await mina.getByText("That password is not right.").waitFor();
    await fill(PASSWORD, "another horse", "another horse");
    await mina.getByText("Your password is changed.").waitFor();
    await elsewhere.getByText("This device was signed out.").waitFor();
    await signIn(elsewhere, "mina");
    await elsewhere.getByText("Username or password is not right.").waitFor();
    await signIn(elsewhere, "mina", "another horse");
    await elsewhere.getByTestId("composer").waitFor();
  });

  it("changes the name, what one says of oneself and the language, and all of it shows at once", async () => {
    const [mina, jun] = [await person("mina"), await person("jun")];
    const id = await jun.evaluate(() => document.querySelector("chat-view").chat.me.id);
    await now.server.call("POST", "/dms", { user_id: id }, await tokens(mina));
    await jun.getByTestId("room-list").getByText("mina").waitFor();
    assert.deepEqual(await me(mina), ["mina", "", "en"]);
    await open(mina);
    const form = mina.locator("account-profile");
    assert.equal(await form.getByLabel("Name that others see").inputValue(), "");
    await form.getByLabel("Name that others see").fill("  Mina Kim ");
    await form.getByLabel("What you say of yourself").fill("by the river");
    await form.getByLabel("What you say of yourself").press("Enter");
    await mina.getByText("Saved.").waitFor();
    assert.deepEqual(await me(mina), ["Mina Kim", "by the river", "en"]);
    await mina.locator("account-dialog .self .name", { hasText: "Mina Kim" }).waitFor();
    await mina.locator("account-menu .handle", { hasText: "by the river" }).waitFor();
    assert.equal(await mina.locator("account-menu .name").textContent(), "Mina Kim");
    await mina.locator("member-panel .member", { hasText: "Mina Kim" }).waitFor();
    await jun.getByTestId("room-list").getByText("Mina Kim").waitFor();
    await form.getByLabel("Language").selectOption("ko");
    await form.getByRole("button", { name: "Save" }).click();
    await mina.getByRole("heading", { name: "내 계정" }).waitFor();
    assert.deepEqual(await me(mina), ["Mina Kim", "by the river", "ko"]);
    assert.equal(await mina.evaluate(() => document.documentElement.lang), "ko");
    assert.equal(await mina.getByTestId("composer").getAttribute("placeholder"), "general에 메시지 쓰기");
    await form.getByLabel("다른 사람에게 보이는 이름").fill("");
    await form.getByLabel("나를 알리는 한마디").fill("");
    await form.getByRole("button", { name: "저장" }).click();
    await mina.locator("account-menu .name", { hasText: /^mina$/u }).waitFor();
    assert.deepEqual(await me(mina), ["mina", "", "ko"]);
    await jun.getByTestId("room-list").getByText("mina", { exact: true }).waitFor();
    await mina.keyboard.press("Escape");
    assert.ok(await mina.locator('account-menu [data-part="me"]').evaluate((button) => button === document.activeElement));
    await mina.reload();
    await mina.getByRole("heading", { level: 1, name: "general" }).waitFor();
    assert.equal(await mina.evaluate(() => document.documentElement.lang), "ko");
  });

  it("says beside a field of the profile what does not fit in it, and changes nothing then", async () => {
    const mina = await person("mina", PHONE);
    await open(mina);
    const form = mina.locator("account-profile");
    const [name, text] = [form.locator('[name="display_name"]'), form.locator('[name="status_text"]')];
    const help = (input) => input.evaluate((element) => document.getElementById(element.getAttribute("aria-describedby")).textContent);
    const save = () => form.locator('button[type="submit"]').tap();
    // What the page itself keeps from being typed.
    for (const input of [name, text]) await input.evaluate((element) => element.removeAttribute("maxlength"));
    await name.fill("x".repeat(65));
    await text.fill("y".repeat(61));
    await save();
    await form.locator('[aria-invalid="true"]').nth(1).waitFor();
    assert.deepEqual([await help(name), await help(text)], ["1 to 64 characters, please.", "At most 60 characters."]);
    assert.ok(await name.evaluate((element) => element === document.activeElement));
    assert.deepEqual(await me(mina), ["mina", "", "en"]);
    await text.fill("fits");
    await name.fill("Mi\u0007na");
    await save();
    await form.getByText("It holds a character that cannot be used.").waitFor();
    assert.deepEqual([await text.getAttribute("aria-invalid"), await help(text)], ["false", "Up to 60 characters. Empty takes it away."]);
    assert.deepEqual(await me(mina), ["mina", "", "en"]);
    await form.getByLabel("Language").selectOption("ko");
    await name.fill("미나");
    await save();
    await mina.getByRole("heading", { name: "내 계정" }).waitFor();
    assert.deepEqual(await me(mina), ["미나", "fits", "ko"]);
    assert.deepEqual([await help(name), await name.getAttribute("aria-invalid")], ["비워 두면 아이디로 보여요.", "false"]);
    // Of a page in another language than the server writes in, it is the page's that holds.
    await mina.keyboard.press("Escape");
    await mina.getByRole("button", { name: "English" }).tap();
    await open(mina);
    await mina.waitForFunction(() => document.querySelector('account-profile [name="display_name"]').value === "미나");
    assert.equal(await form.getByLabel("Language").inputValue(), "en");
    await text.fill("fits too");
    await save();
    await mina.getByText("Saved.", { exact: true }).waitFor();
    assert.deepEqual([await me(mina), await mina.evaluate(() => document.documentElement.lang)], [["미나", "fits too", "en"], "en"]);
    assert.equal(await mina.locator("account-dialog dialog").evaluate((dialog) => dialog.scrollWidth > dialog.clientWidth), false);
  });

  it("gives all one's data as a file", async () => {
    const mina = await person("mina");
    await say(mina, "kept words");
    await confirmed(mina, "kept words");
    await open(mina);
    const [download] = await Promise.all([mina.waitForEvent("download"), mina.getByRole("button", { name: "Download my data" }).click()]);
    assert.match(download.suggestedFilename(), /^moim-mina-\d{4}-\d\d-\d\d\.json$/u);
    const told = JSON.parse(await readFile(await download.path(), "utf8"));
    assert.deepEqual([told.format, told.profile.username ?? told.profile.user?.username], ["moim-account", "mina"]);
    assert.ok(JSON.stringify(told.messages).includes("kept words"));
  });

  it("ends the account: asks for the password, erases what was said, and says so", async () => {
    const [mina, jun] = [await person("mina"), await person("jun", PHONE)];
    await say(mina, "soon gone");
    await jun.getByTestId("room-list").getByText("general").tap();
    await sees(jun, "soon gone");
    await open(mina);
    await mina.getByRole("button", { name: "Delete my account" }).click();
    await mina.getByLabel("Your password").fill("wrong horse");
    await done(mina, "Delete for good");
    await mina.getByText("That password is not right.").waitFor();
    await mina.getByLabel("Your password").fill(PASSWORD);
    await done(mina, "Delete for good");
    await mina.getByText("Your account is deleted.").waitFor();
    await jun.getByText("This message was deleted.").waitFor();
    await signIn(mina, "mina");
    await mina.getByText("Username or password is not right.").waitFor();
  });

  it("names the clubs that are to be handed over first", async () => {
    const { server } = now;
    const mina = await person("mina");
    const jun = await server.register("jun");
    const token = await mina.evaluate(() => JSON.parse(localStorage.getItem("moim.tokens")).access);
    const club = await server.call("POST", "/clubs", { name: "Runners" }, token);
    await server.call("POST", `/clubs/${club.id}/join`, {}, jun.access_token);
    await mina.reload();
    await mina.locator("room-list .section", { hasText: "Runners" }).waitFor();
    await open(mina);
    await mina.getByRole("button", { name: "Delete my account" }).click();
    await mina.getByLabel("Your password").fill(PASSWORD);
    await done(mina, "Delete for good");
    await mina.getByText("You own clubs that others are in. Hand them over first: Runners").waitFor();
    await mina.keyboard.press("Escape");
    await mina.keyboard.press("Escape");
    await say(mina, "still here");
    await confirmed(mina, "still here");
  });
});
