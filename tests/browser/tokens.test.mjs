// Tokens shared by tabs: a refresh token used twice would sign the user out everywhere.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Problem } from "../../web/js/problem.js";
import { Tokens } from "../../web/js/tokens.js";

function storage() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
}

/** What tabs share for certain. */
function vault() {
  let kept = null;
  return { read: async () => kept, write: async (pair) => void (kept = pair) };
}

/** No IndexedDB. */
const noVault = { read: async () => null, write: async () => {} };

/** One after the other, like `navigator.locks`. */
function locks() {
  let last = Promise.resolve();
  return { request: (_name, work) => (last = last.then(work, work)) };
}

/** A server that takes each refresh token once. */
function server() {
  const used = [];
  let turn = 1;
  return {
    used,
    post: async (_path, { refresh_token }) => {
      if (used.includes(refresh_token)) throw new Problem({ code: "token_reused", status: 401 });
      used.push(refresh_token);
      turn += 1;
      return { user: { id: "u_1" }, access_token: `a-${turn}`, refresh_token: `f-${turn}`, expires_in: 1800 };
    },
  };
}

const first = { user: { id: "u_1" }, access_token: "a-1", refresh_token: "f-1", expires_in: 1800 };

describe("tokens", () => {
  it("are renewed once when two tabs and many calls need it", async () => {
    const shared = { storage: storage(), locks: locks(), vault: vault(), ...server() };
    const tabs = [new Tokens(shared), new Tokens(shared)];
    await tabs[0].keep({ ...first, expires_in: 10 });
    const got = await Promise.all([...tabs, ...tabs].map((tab) => tab.fresh()));
    assert.deepEqual([new Set(got).size, shared.used], [1, ["f-1"]]);
  });

  it("are renewed once even when a tab still reads an old copy of the storage", async () => {
    const shared = { locks: locks(), vault: vault(), ...server() };
    const [one, two] = [storage(), storage()].map((own) => new Tokens({ ...shared, storage: own }));
    for (const tab of [one, two]) await tab.keep(first);
    const got = await Promise.all([one.rotate("a-1"), two.rotate("a-1")]);
    assert.deepEqual([got.map(({ access }) => access), shared.used, two.pair.access], [["a-2", "a-2"], ["f-1"], "a-2"]);
  });

  it("are renewed without a vault, too", async () => {
    const tokens = new Tokens({ storage: storage(), vault: noVault, ...server() });
    await tokens.keep(first);
    assert.equal((await tokens.rotate("a-1")).access, "a-2");
  });

  it("are not renewed when the refused one is not the one in storage any more", async () => {
    const shared = { storage: storage(), locks: locks(), vault: vault(), ...server() };
    const tokens = new Tokens(shared);
    await tokens.keep(first);
    assert.equal((await tokens.rotate("a-0")).access, "a-1");
    assert.deepEqual(shared.used, []);
  });

  it("are forgotten when the server refuses them, and kept when it is away", async () => {
    const away = new Tokens({ storage: storage(), vault: vault(), post: async () => Promise.reject(Problem.offline()) });
    await away.keep(first);
    await assert.rejects(away.rotate("a-1"), { code: "offline" });
    assert.equal(away.pair.access, "a-1");

    const refused = new Tokens({ storage: storage(), vault: vault(), post: async () => Promise.reject(new Problem({ code: "token_reused", status: 401 })) });
    let isGone = false;
    refused.addEventListener("gone", () => (isGone = true));
    await refused.keep(first);
    await assert.rejects(refused.rotate("a-1"), { status: 401 });
    assert.deepEqual([refused.pair, isGone], [null, true]);
    await assert.rejects(refused.fresh(), { status: 401 });
  });
});
