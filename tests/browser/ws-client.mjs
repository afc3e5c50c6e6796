// A foreign client (npm `ws`) that knows only the contract: sign-in, send, resume, and a server that is killed.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import WebSocket from "ws";
import { Server } from "./harness.mjs";

const ANSWER_MS = 40_000;

/** A client of a few lines: every frame is kept, and `until` waits for the one that is meant. */
class Client {
  static async connect(url) {
    const client = new Client();
    client.socket = new WebSocket(url.replace("http", "ws") + "/v1/ws", "moim.v1");
    client.socket.on("message", (data) => {
      for (const text of String(data).split("\n").filter(Boolean)) client.take(JSON.parse(text));
    });
    client.closed = new Promise((done) => client.socket.on("close", done));
    client.socket.on("error", () => {});
    await client.until(({ ev }) => ev === "hello");
    return client;
  }

  frames = [];
  waiting = [];
  lastId = 0;

  take(frame) {
    this.frames.push(frame);
    this.waiting = this.waiting.filter(({ test, done }) => !test(frame) || done(frame));
  }

  until(test) {
    const known = this.frames.find(test);
    if (known) return Promise.resolve(known);
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`nothing of that kind in ${JSON.stringify(this.frames.slice(-5))}`)), ANSWER_MS);
      this.waiting.push({ test, done: (frame) => (clearTimeout(timer), done(frame), false) });
    });
  }

  async ask(op, fields) {
    const id = ++this.lastId;
    this.socket.send(JSON.stringify({ id, op, ...fields }));
    return this.until(({ re }) => re === id);
  }

  logged(room) {
    return this.frames.filter((frame) => frame.room === room && frame.seq && frame.ev !== "caught_up");
  }
}

describe("a client that only knows the contract", () => {
  let server, mina, jun, room;

  before(async () => {
    server = await Server.start();
    [mina, jun] = await Promise.all(["mina", "jun"].map((name) => server.register(name)));
    room = (await server.lobby(mina.access_token)).id;
  });
  after(() => server.stop());

  const signedIn = async ({ access_token }) => {
    const client = await Client.connect(server.url);
    const { ok } = await client.ask("auth", { token: access_token });
    assert.equal(typeof ok.session, "string");
    client.rooms = ok.rooms;
    return client;
  };

  it("is greeted, signs in, and is told its rooms", async () => {
    const client = await Client.connect(server.url);
    assert.equal(client.frames[0].v, 1);
    const { ok } = await client.ask("auth", { token: mina.access_token });
    assert.equal(ok.user.username, "mina");
    const lobby = ok.rooms.find((known) => known.room === room);
    assert.equal(lobby.name, "general");
    assert.equal(lobby.unread, lobby.n - lobby.read_n);
    client.socket.close();
  });

  it("is refused with a token that is none", async () => {
    const client = await Client.connect(server.url);
    client.socket.send(JSON.stringify({ id: 1, op: "auth", token: "nonsense" }));
    const code = await client.closed;
    assert.ok(code >= 4400 && code < 4500, `closed with ${code}`);
  });

  it("sends once, however often the same cid is sent, and others hear it once", async () => {
    const [a, b] = await Promise.all([signedIn(mina), signedIn(jun)]);
    await Promise.all([a.ask("open", { room }), b.ask("open", { room })]);
    const first = await a.ask("send", { room, cid: "c-same", text: "하나", reply_to: null });
    const again = await a.ask("send", { room, cid: "c-same", text: "하나", reply_to: null });
    assert.deepEqual([first.ok.dup, again.ok.dup, again.ok.seq], [false, true, first.ok.seq]);
    await a.ask("send", { room, cid: "c-next", text: "둘", reply_to: null });
    await b.until(({ ev, d }) => ev === "msg.new" && d.text === "둘");
    assert.deepEqual(b.logged(room).filter(({ ev }) => ev === "msg.new").map(({ d }) => d.text).slice(-2), ["하나", "둘"]);
    for (const client of [a, b]) client.socket.close();
  });

  it("resumes with every event between, in order and without holes", async () => {
    const [a, b] = await Promise.all([signedIn(mina), signedIn(jun)]);
    const { ok } = await b.ask("open", { room });
    const since = { epoch: ok.epoch, seq: ok.head };
    b.socket.close();
    for (let turn = 0; turn < 30; turn += 1) await a.ask("send", { room, cid: `c-r${turn}`, text: `missed ${turn}`, reply_to: null });
    const back = await signedIn(jun);
    const opened = await back.ask("open", { room, since });
    assert.deepEqual([opened.ok.resumed, opened.ok.replay], [true, 30]);
    const { seq } = await back.until(({ ev }) => ev === "caught_up");
    const seqs = back.logged(room).map((event) => event.seq);
    assert.deepEqual(seqs, Array.from({ length: seq - since.seq }, (_, at) => since.seq + 1 + at));
    for (const client of [a, back]) client.socket.close();
  });

  it("gets a snapshot when its position is of another life", async () => {
    const client = await signedIn(mina);
    const { ok } = await client.ask("open", { room, since: { epoch: "another", seq: 3 } });
    assert.deepEqual([ok.resumed, ok.why, ok.snapshot.upto], [false, "epoch", ok.head]);
    assert.ok(ok.snapshot.items.length > 0 && ok.snapshot.items.length <= 50);
    client.socket.close();
  });

  it("finds everything acknowledged after the server was killed", async () => {
    const client = await signedIn(mina);
    const { ok } = await client.ask("open", { room });
    const since = { epoch: ok.epoch, seq: ok.head };
    const acknowledged = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const sent = await client.ask("send", { room, cid: `c-k${turn}`, text: `durable ${turn}`, reply_to: null });
      acknowledged.push([sent.ok.seq, `durable ${turn}`]);
    }
    // One more is on its way when the plug is pulled: it may be there or not, but at most once.
    client.socket.send(JSON.stringify({ op: "send", room, cid: "c-last", text: "on its way", reply_to: null }));
    await server.kill();
    await client.closed;
    await server.run();

    const back = await signedIn(mina);
    const opened = await back.ask("open", { room, since });
    assert.equal(opened.ok.resumed, true);
    await back.until(({ ev }) => ev === "caught_up");
    await back.ask("send", { room, cid: "c-last", text: "on its way", reply_to: null });
    await back.until(({ ev, d }) => ev === "msg.new" && d.cid === "c-last");
    const events = back.logged(room).filter(({ ev }) => ev === "msg.new");
    assert.deepEqual(events.slice(0, 20).map(({ seq, d }) => [seq, d.text]), acknowledged);
    assert.equal(events.filter(({ d }) => d.cid === "c-last").length, 1);
    back.socket.close();
  });
});
