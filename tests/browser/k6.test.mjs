// The k6 script talks to a real server, with stand-ins for the modules of k6.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Server } from "./harness.mjs";
import { iterate, metrics } from "./k6-modules.mjs";

const PEOPLE = 3;
const SCRIPT = new URL("../../loadtest/k6/chat.js", import.meta.url);

function sum(name) {
  return metrics.get(name)?.reduce((all, value) => all + value, 0) ?? 0;
}

describe("the k6 script", () => {
  let server, scripts;

  before(async () => {
    server = await Server.start();
    globalThis.__ENV = { MOIM_URL: `${server.url}/`, STAY_MS: "4000", EVERY_MS: "200", PEOPLE: String(PEOPLE) };
    const people = Array.from({ length: PEOPLE }, (_, at) => at + 1);
    scripts = await Promise.all(people.map((vu) => import(`${SCRIPT.href}?vu=${vu}`)));
  });
  after(() => server.stop());

  it("signs in, opens, sends, hears everybody, and leaves", async () => {
    await Promise.all(scripts.map(iterate));
    const sends = sum("moim_sends");
    // Twenty each, where nothing else is to be done.
    assert.ok(sends >= PEOPLE * 2, `${sends} sends`);
    assert.equal(metrics.get("moim_ack_ms").length, sends, "each is acknowledged");
    assert.ok(sum("moim_deliveries") > sends, "people hear more than themselves");
    assert.equal(sum("moim_unanswered") + sum("moim_disordered") + sum("http_req_failed"), 0);
    assert.ok(metrics.get("checks").every(Boolean));
    assert.deepEqual(metrics.get("moim_closed_well"), Array(PEOPLE).fill(1));
  });

  it("comes back with the same sign-in", async () => {
    const asked = metrics.get("http_req_failed").length;
    await Promise.all(scripts.map(iterate));
    assert.equal(metrics.get("http_req_failed").length, asked);
    assert.deepEqual(metrics.get("moim_closed_well"), Array(2 * PEOPLE).fill(1));
  });

  it("sets no threshold on what it does not measure", () => {
    for (const name of Object.keys(scripts[0].options.thresholds)) assert.ok(metrics.has(name), name);
  });
});
