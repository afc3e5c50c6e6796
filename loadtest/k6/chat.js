// Chat for k6 (https://grafana.com/docs/k6), version 1.6 or newer: people sign in, open a room over
// WebSocket, send, and hear each other. `k6 run loadtest/k6/chat.js`; ../README.md lists the variables.
import { check, sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Rate, Trend } from "k6/metrics";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "k6/timers";
import { WebSocket } from "k6/websockets";

const URL = (__ENV.MOIM_URL || "http://127.0.0.1:8080").replace(/\/+$/, "");
const PEOPLE = Number(__ENV.PEOPLE || 20);
const DURATION = __ENV.DURATION || "1m";
/** How long one person stays before coming back, and between two sends of one person, in ms. */
const STAY_MS = Number(__ENV.STAY_MS || 20_000);
const EVERY_MS = Number(__ENV.EVERY_MS || 1_000);
/** Id of the room; by default the lobby that everybody is in. */
const ROOM = __ENV.ROOM || "";
/** Accounts are `<prefix>-1`, `<prefix>-2` …; those that are not there are registered. */
const PREFIX = __ENV.PREFIX || "k6";
const PASSWORD = __ENV.PASSWORD || "a password for k6";
/** What was sent is waited for so long after the last send. */
const GRACE_MS = 5_000;
const HEARTBEAT_MS = 20_000;
/** So often a sign-in that is put off is tried. */
const TRIES = 20;

const acked = new Trend("moim_ack_ms", true);
const delivered = new Trend("moim_delivery_ms", true);
const sends = new Counter("moim_sends");
const deliveries = new Counter("moim_deliveries");
const unanswered = new Counter("moim_unanswered");
const disordered = new Counter("moim_disordered");
const closedWell = new Rate("moim_closed_well");

export const options = {
  scenarios: {
    chat: { executor: "constant-vus", vus: PEOPLE, duration: DURATION, gracefulStop: "30s", tags: { part: "chat" } },
  },
  thresholds: {
    checks: ["rate==1"],
    http_req_failed: ["rate<0.01"],
    // An acknowledged message is on the disk, so these hang on the disk of the server.
    moim_ack_ms: [`p(95)<${__ENV.ACK_MS || 250}`],
    moim_delivery_ms: [`p(95)<${__ENV.DELIVERY_MS || 250}`],
    moim_unanswered: ["count==0"],
    moim_disordered: ["count==0"],
    moim_closed_well: ["rate>0.99"],
  },
};

/** The sign-in of this person: one for all its stays, as long as it holds. */
let token = null;

export default function () {
  if (!token) token = signIn(`${PREFIX}-${exec.vu.idInTest}`);
  if (token) new Stay(token).begin();
  else sleep(1);
}

function post(path, body, name) {
  return http.post(URL + path, JSON.stringify(body), {
    headers: { "Content-Type": "application/json" },
    // The first sign-in of a new name is refused, and who is put off comes again: neither is a failure.
    responseCallback: http.expectedStatuses(200, 201, 401, 429),
    tags: { name },
  });
}

/** The first answer that does not put it off. */
function patiently(path, body, name) {
  let answer = post(path, body, name);
  for (let tried = 1; answer.status === 429 && tried < TRIES; tried++) {
    sleep(Number(answer.headers["Retry-After"] || 1));
    answer = post(path, body, name);
  }
  return answer;
}

function signIn(username) {
  const account = { username, password: PASSWORD };
  let answer = patiently("/v1/auth/login", account, "login");
  if (answer.status === 401) answer = patiently("/v1/auth/register", account, "register");
  const isIn = check(answer, { "signed in": ({ status }) => status === 200 || status === 201 });
  return isIn ? answer.json("access_token") : null;
}

/** One visit: from the handshake to the close frame. k6 ends the iteration when its socket is closed. */
class Stay {
  constructor(access) {
    const tags = { name: "chat" };
    const params = { headers: { Authorization: `Bearer ${access}` }, tags };
    this.socket = new WebSocket(`${URL.replace(/^http/, "ws")}/v1/ws`, "moim.v1", params);
    this.asked = new Map();
    this.lastId = 0;
    this.lastSeq = 0;
    this.room = ROOM;
    this.timers = [];
  }

  begin() {
    this.late = setTimeout(() => this.leave(), STAY_MS + 2 * GRACE_MS);
    this.socket.addEventListener("message", ({ data }) => {
      for (const line of String(data).split("\n")) this.take(JSON.parse(line));
    });
    this.socket.addEventListener("close", ({ code }) => this.end(code));
    this.socket.addEventListener("error", ({ error }) => console.error(`socket: ${error}`));
  }

  say(line) {
    this.socket.send(JSON.stringify(line));
  }

  ask(op, fields, then) {
    const id = ++this.lastId;
    this.asked.set(id, then);
    this.say(Object.assign({ id, op }, fields));
  }

  take(line) {
    if (line.re !== undefined) return this.answered(line);
    switch (line.ev) {
      case undefined: // a heartbeat wants one back
        return this.say(this.lastSeq ? { at: { [this.room]: this.lastSeq } } : {});
      case "auth":
        return this.open(line.rooms);
      case "lag":
        return this.pull(line.from - 1);
      case "behind":
        return this.pull(this.lastSeq);
      case "drain":
        return this.leave();
    }
    if (line.room === this.room && line.seq && line.ev !== "caught_up") this.hear(line);
  }

  answered({ re, ok, err }) {
    const then = this.asked.get(re);
    this.asked.delete(re);
    if (then) then(ok, err);
  }

  open(rooms) {
    const lobby = rooms.find(({ kind, name }) => kind === "lobby" && name === "general");
    if (!this.room && lobby) this.room = lobby.room;
    this.ask("open", { room: this.room }, (ok, err) => {
      if (!check(ok, { "opened the room": Boolean })) {
        console.error(`open: ${err && err.code}`);
        return this.leave();
      }
      this.lastSeq = ok.head;
      this.timers.push(setInterval(() => this.send(), EVERY_MS), setInterval(() => this.say({}), HEARTBEAT_MS));
      this.timers.push(setTimeout(() => this.rest(), STAY_MS));
      this.send();
    });
  }

  send() {
    const at = Date.now();
    const cid = `k6-${exec.vu.idInTest}-${at}-${this.lastId}`;
    sends.add(1);
    this.ask("send", { room: this.room, cid, text: `k6 ${at}` }, (ok, err) => {
      // Too much at once is an answer; it is not what is looked for here.
      check(ok || err, { "a send is acknowledged": () => Boolean(ok) });
      if (ok) acked.add(Date.now() - at);
    });
  }

  hear({ ev, seq, d }) {
    if (!check(seq, { "an event comes once": () => seq > this.lastSeq })) return;
    if (seq !== this.lastSeq + 1) disordered.add(1);
    this.lastSeq = seq;
    const [mark, at] = ev === "msg.new" ? d.text.split(" ") : [];
    if (mark !== "k6") return;
    deliveries.add(1);
    delivered.add(Date.now() - Number(at));
  }

  pull(after) {
    this.ask("pull", { room: this.room, after }, (ok) => {
      if (!ok) return;
      for (const event of ok.events) this.hear(event);
      if (ok.more) this.pull(this.lastSeq);
    });
  }

  /** Sends no more, waits for the answers, goes. */
  rest() {
    this.timers.splice(0).forEach((timer) => (clearInterval(timer), clearTimeout(timer)));
    const until = Date.now() + GRACE_MS;
    const look = setInterval(() => {
      if (this.asked.size > 0 && Date.now() < until) return;
      clearInterval(look);
      this.leave();
    }, 50);
  }

  leave() {
    this.isLeaving = true;
    this.socket.close();
  }

  end(code) {
    clearTimeout(this.late);
    this.timers.splice(0).forEach((timer) => (clearInterval(timer), clearTimeout(timer)));
    unanswered.add(this.asked.size);
    closedWell.add(Boolean(this.isLeaving));
    // 4400 to 4499: the sign-in does not hold any more.
    if (code >= 4400 && code < 4500) token = null;
  }
}
