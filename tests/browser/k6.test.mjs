// The k6 script talks to a real server, with stand-ins for the modules of k6.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Server } from "./harness.mjs";
import { iterate, metrics, wrong } from "./k6-modules.mjs";

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

  it("comes again when it is put off, and calls that no failure", async () => {
    const checks = metrics.get("checks").length;
    wrong.putOff = 2;
    const fresh = await import(`${SCRIPT.href}?vu=${PEOPLE + 1}`);
    await iterate(fresh);
    assert.equal(wrong.putOff, 0);
    assert.ok(metrics.get("checks").slice(checks).every(Boolean));
    assert.equal(sum("http_req_failed"), 0);
    assert.equal(metrics.get("moim_closed_well").length, 2 * PEOPLE + 1);
  });

  it("fails a check when an event comes twice", async () => {
    wrong.doubles = true;
    await iterate(scripts[0]);
    wrong.doubles = false;
    assert.ok(!metrics.get("checks").every(Boolean));
    assert.equal(sum("moim_disordered"), 0);
  });

  it("sets no threshold on what it does not measure", () => {
    for (const name of Object.keys(scripts[0].options.thresholds)) assert.ok(metrics.has(name), name);
  });
});
