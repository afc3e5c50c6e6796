// The live line against a scripted server: sign-in, order, heartbeat, and every way to lose it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Problem } from "../../web/js/problem.js";
import { Socket } from "../../web/js/socket.js";

class FakeWebSocket {
  static all = [];
  readyState = 1;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeWebSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  says(...frames) {
    this.onmessage({ data: frames.map((frame) => JSON.stringify(frame)).join("\n") });
  }

  dies(code) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

const line = () => FakeWebSocket.all.at(-1);
/** Lets promises that wait for nothing but each other come through. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe("socket", () => {
  let socket, tokens, events;

  beforeEach(async () => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
    FakeWebSocket.all = [];
    tokens = { current: "t-1", fresh: async () => tokens.current, rotate: async () => (tokens.current = "t-2") };
    socket = new Socket({ url: "ws://x/v1/ws", tokens, WebSocket: FakeWebSocket, random: () => 0 });
    events = [];
    socket.addEventListener("event", ({ detail }) => events.push(detail));
    for (const type of ["ready", "signed-out"]) socket.addEventListener(type, ({ detail }) => events.push([type, detail]));
    socket.start();
    await settle();
  });
  afterEach(() => {
    socket.stop();
    mock.timers.reset();
  });

  const signIn = () => {
    line().says({ ev: "hello", v: 1, hb: 10_000 });
    const { id } = line().sent.at(-1);
    line().says({ re: id, ok: { user: { id: "u_1" }, rooms: [] } });
  };

  it("signs in by the first frame, with nothing in the address", () => {
    assert.deepEqual([line().url, line().protocols], ["ws://x/v1/ws", ["moim.v1"]]);
    signIn();
    const [{ id, ...first }] = line().sent;
    assert.equal(typeof id, "number");
    assert.deepEqual(first, { op: "auth", token: "t-1" });
    assert.equal(socket.status, "online");
    assert.equal(events[0][0], "ready");
  });

  it("hands on replies and events of one message in its order", () => {
    signIn();
    const order = [];
    socket.addEventListener("event", ({ detail }) => order.push(detail.ev));
    socket.ask("open", { room: "r_1" }, () => order.push("reply"));
    const { id } = line().sent.at(-1);
    line().says({ ev: "a" }, { re: id, ok: {} }, { ev: "b" });
    assert.deepEqual(order, ["a", "reply", "b"]);
  });

  it("skips a broken line and goes on", () => {
    signIn();
    line().onmessage({ data: '{"ev":"a"}\n{broken\n\n{"ev":"b"}' });
    assert.deepEqual(events.slice(1).map(({ ev }) => ev), ["a", "b"]);
  });

  it("answers the heartbeat with where it stands", () => {
    socket.positions = () => ({ r_1: 7 });
    signIn();
    line().says({});
    assert.deepEqual(line().sent.at(-1), { at: { r_1: 7 } });
  });

  it("comes back when nothing was heard for two beats", async () => {
    signIn();
    mock.timers.tick(19_000);
    assert.equal(socket.status, "online");
    mock.timers.tick(2000);
    assert.equal(socket.status, "waiting");
    mock.timers.tick(1000);
    await settle();
    assert.equal(FakeWebSocket.all.length, 2);
  });

  it("answers every ask when the line is lost", () => {
    signIn();
    const answers = [];
    socket.ask("send", {}, (problem) => answers.push(problem.code));
    socket.ask("read", {}, (problem) => answers.push(problem.code));
    line().dies(1006);
    socket.ask("send", {}, (problem) => answers.push(problem.code));
    assert.deepEqual(answers, ["offline", "offline", "offline"]);
  });

  for (const code of [1001, 1006, 1012, 4003, 4009]) {
    it(`comes back within a second after ${code}`, async () => {
      signIn();
      line().dies(code);
      assert.ok(socket.retryAt - Date.now() <= 1000);
      mock.timers.tick(1000);
      await settle();
      assert.equal(FakeWebSocket.all.length, 2);
    });
  }

  it("comes back after the delay that a drain asks for", async () => {
    signIn();
    line().says({ ev: "drain", in_ms: 5000 });
    line().dies(4001);
    mock.timers.tick(4900);
    await settle();
    assert.equal(FakeWebSocket.all.length, 1);
    mock.timers.tick(200);
    await settle();
    assert.equal(FakeWebSocket.all.length, 2);
  });

  it("waits longer and longer while the server is away", async () => {
    const waits = [];
    for (let turn = 0; turn < 7; turn += 1) {
      line().dies(1006);
      waits.push(socket.retryAt - Date.now());
      mock.timers.tick(31_000);
      await settle();
    }
    assert.ok(waits[0] <= 1000 && waits.at(-1) >= 15_000 && waits.at(-1) <= 30_000, String(waits));
  });

  it("fetches a new token after 44xx and comes back with it", async () => {
    signIn();
    line().dies(4401);
    await settle();
    mock.timers.tick(1000);
    await settle();
    line().says({ ev: "hello", v: 1, hb: 10_000 });
    assert.equal(line().sent.at(-1).token, "t-2");
  });

  it("goes to sign-in when there is no new token to have", async () => {
    tokens.rotate = async () => {
      throw new Problem({ code: "token_reused", status: 401 });
    };
    signIn();
    line().dies(4401);
    await settle();
    assert.deepEqual([socket.status, events.at(-1)], ["stopped", ["signed-out", "expired"]]);
  });

  it("keeps trying when only the network keeps it from a new token", async () => {
    tokens.rotate = async () => {
      throw Problem.offline();
    };
    signIn();
    line().dies(4401);
    await settle();
    assert.equal(socket.status, "waiting");
  });

  it("does not ask for tokens for ever when each is refused", async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      line().says({ ev: "hello", v: 1, hb: 10_000 });
      line().says({ re: line().sent.at(-1).id, err: { code: "unauthorized", msg: "no" } });
      await settle();
      mock.timers.tick(31_000);
      await settle();
    }
    assert.deepEqual(events.at(-1), ["signed-out", "expired"]);
  });

  it("says that it was signed out after 4501, and stops after other 45xx", async () => {
    signIn();
    line().dies(4501);
    assert.deepEqual(events.at(-1), ["signed-out", "revoked"]);
    socket.start();
    await settle();
    signIn();
    line().dies(4504);
    mock.timers.tick(60_000);
    await settle();
    assert.deepEqual([socket.status, socket.ended, FakeWebSocket.all.length], ["stopped", 4504, 2]);
  });

  it("hurries when told that the network is back, and checks a line that may be dead", async () => {
    signIn();
    socket.hurry();
    assert.equal(line().sent.at(-1).op, "ping");
    mock.timers.tick(5000);
    assert.equal(socket.status, "waiting");
    socket.hurry();
    await settle();
    assert.equal(FakeWebSocket.all.length, 2);
  });

  it("shows the live session a newer token", async () => {
    signIn();
    tokens.current = "t-9";
    mock.timers.tick(15_000);
    line().says({});
    mock.timers.tick(15_000);
    line().says({});
    mock.timers.tick(16_000);
    await settle();
    assert.deepEqual({ ...line().sent.at(-1), id: 0 }, { id: 0, op: "auth.refresh", token: "t-9" });
  });
});
