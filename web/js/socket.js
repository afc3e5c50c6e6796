/**
 * The live line to the server, and the only user of `WebSocket`: sign-in by the first frame,
 * replies by id, heartbeat, and coming back with jitter after every kind of loss. What a room
 * does with it (resume by `since`, `pull` on `lag`) is `models/feed.js`.
 *
 * **Invariant:** replies and events are handed on in the order of the wire, synchronously.
 * **Invariant:** every `ask` is answered once, by the server or by the loss of the line.
 *
 * Events: `status`, `ready` (detail: what sign-in answered), `event` (detail: one event),
 * `signed-out` (detail: why).
 *
 * @typedef {"connecting" | "online" | "waiting" | "stopped"} Status
 * @typedef {(problem: Problem | null, ok: any) => void} Done
 */
import { Backoff } from "./models/backoff.js";
import { afterClose, CloseCode, ErrorCode, Ev, Op, SUBPROTOCOL } from "./protocol.js";
import { Problem } from "./problem.js";

const REPLY_MS = 15_000;
const CONNECT_MS = 12_000;
const PROBE_MS = 4000;
const RENEW_MARGIN_MS = 180_000;
const RENEW_LOOK_MS = 45_000;
const DEFAULT_BEAT_MS = 25_000;
const STEADY_MS = 10_000;
/** Refused tokens in a row before a person is asked. */
const REFUSALS = 3;

export class Socket extends EventTarget {
  #url;
  #tokens;
  #WebSocket;
  #backoff;
  /** @type {WebSocket | null} */ #line = null;
  /** @type {Map<number, {done: Done, timer: any}>} */ #asked = new Map();
  #lastId = 0;
  #beat = DEFAULT_BEAT_MS;
  #token = "";
  #refusals = 0;
  #drainMs = 0;
  #since = 0;
  /** @type {any} */ #retryTimer;
  /** @type {any} */ #lifeTimer;
  /** @type {any} */ #renewTimer;

  /** @type {Status} */ status = "stopped";
  /** When the next try is due while waiting. */
  retryAt = 0;
  /** The code that ended it, while stopped. @type {number | null} */
  ended = null;

  /** Tells the heartbeat what was applied. @type {() => Record<string, number>} */
  positions = () => ({});

  /**
   * @param {{url: string, tokens: import("./tokens.js").Tokens, WebSocket?: any, random?: () => number}} parts
   */
  constructor({ url, tokens, WebSocket = globalThis.WebSocket, random = Math.random }) {
    super();
    this.#url = url;
    this.#tokens = tokens;
    this.#WebSocket = WebSocket;
    this.#backoff = new Backoff(random);
  }

  /* Actions */

  start() {
    if (this.status !== "stopped") return;
    this.ended = null;
    this.#connect();
  }

  /** Ends it for good: signed out, or the page goes. */
  stop() {
    this.#ended(null);
  }

  /** Something suggests that the network is back, or that the line is dead without saying so. */
  hurry() {
    if (this.status === "waiting") return this.#connect();
    if (this.status !== "online") return;
    this.ask(Op.Ping, {}, () => {});
    this.#expectLife(PROBE_MS);
  }

  /**
   * Asks; `done` runs in wire order. A lost line answers with `offline`.
   * @param {string} op
   * @param {Record<string, any>} fields
   * @param {Done} done
   */
  ask(op, fields, done) {
    if (this.status !== "online") return done(Problem.offline(), null);
    this.#ask(op, fields, done);
  }

  /** Tells, and wants no reply. @param {string} op @param {Record<string, any>} fields */
  tell(op, fields) {
    if (this.status === "online") this.#write({ op, ...fields });
  }

  /* Connecting */

  async #connect() {
    clearTimeout(this.#retryTimer);
    this.#become("connecting");
    try {
      this.#token = await this.#tokens.fresh();
    } catch (problem) {
      return this.#tokenFailed(problem);
    }
    if (this.status !== "connecting" || this.#line) return;
    const line = new this.#WebSocket(this.#url, [SUBPROTOCOL]);
    this.#line = line;
    line.onmessage = (/** @type {any} */ { data }) => this.#line === line && this.#read(data);
    line.onclose = (/** @type {any} */ { code }) => this.#line === line && this.#lost(code);
    this.#expectLife(CONNECT_MS);
  }

  /** @param {any} problem */
  #tokenFailed(problem) {
    if (this.status === "stopped") return;
    if (problem instanceof Problem && problem.status === 401) return this.#signedOut("expired");
    this.#wait();
  }

  #signIn() {
    this.#ask(Op.Auth, { token: this.#token }, (problem, ok) => {
      if (problem) {
        const old = [ErrorCode.TokenExpired, ErrorCode.Unauthorized].includes(/** @type {any} */ (problem.code));
        return this.#hangUp(old ? CloseCode.TokenExpired : CloseCode.TooSlow);
      }
      this.#ready(ok);
    });
  }

  /** @param {any} ok */
  #ready(ok) {
    this.#refusals = 0;
    this.#since = Date.now();
    this.#renewTimer = setInterval(() => this.#renew(), RENEW_LOOK_MS);
    this.#become("online");
    this.dispatchEvent(new CustomEvent("ready", { detail: ok }));
  }

  /** Shows the live session a newer token before the old one ends, whichever tab fetched it. */
  async #renew() {
    const token = await this.#tokens.fresh(RENEW_MARGIN_MS).catch(() => this.#token);
    if (token === this.#token) return;
    this.#token = token;
    this.ask(Op.AuthRefresh, { token }, () => {});
  }

  /* Reading and writing */

  /** @param {string} data */
  #read(data) {
    this.#expectLife(this.#beat * 2);
    for (const text of data.split("\n")) {
      const frame = parsed(text);
      if (frame) this.#take(frame);
      if (!this.#line) return;
    }
  }

  /** @param {any} frame */
  #take(frame) {
    if (frame.re !== undefined) return this.#reply(frame);
    if (frame.ev === Ev.Hello) {
      this.#beat = frame.hb ?? DEFAULT_BEAT_MS;
      return this.#signIn();
    }
    if (frame.ev === Ev.Drain) this.#drainMs = frame.in_ms ?? 0;
    if (frame.ev) return void this.dispatchEvent(new CustomEvent("event", { detail: frame }));
    if (Object.keys(frame).length === 0) this.#write({ at: this.positions() });
  }

  /** @param {any} frame */
  #reply({ re, ok, err }) {
    const asked = this.#asked.get(re);
    if (!asked) return;
    this.#asked.delete(re);
    clearTimeout(asked.timer);
    asked.done(err ? Problem.ofReply(err) : null, ok ?? null);
  }

  /** @param {string} op @param {any} fields @param {Done} done */
  #ask(op, fields, done) {
    const id = ++this.#lastId;
    const timer = setTimeout(() => this.#reply({ re: id, err: { code: "offline", temporary: true } }), REPLY_MS);
    this.#asked.set(id, { done, timer });
    this.#write({ id, op, ...fields });
  }

  /** @param {any} frame */
  #write(frame) {
    if (this.#line?.readyState === 1) this.#line.send(JSON.stringify(frame));
  }

  /* Losing the line */

  /** @param {number} ms without a frame after which the line counts as dead */
  #expectLife(ms) {
    clearTimeout(this.#lifeTimer);
    this.#lifeTimer = setTimeout(() => this.#hangUp(CloseCode.HeartbeatMissed), ms);
  }

  /** Does not wait for the other side: a dead one never answers. @param {number} code */
  #hangUp(code) {
    const line = this.#line;
    if (!line) return;
    this.#lost(code);
    line.close();
  }

  /** @param {number} code */
  #lost(code) {
    // A line that breaks at once again must not turn the short first wait into a storm.
    if (this.status === "online" && Date.now() - this.#since > STEADY_MS) this.#backoff.reset();
    this.#forgetLine();
    const next = afterClose(code);
    if (code === CloseCode.Revoked) return this.#signedOut("revoked");
    if (next === "stop") return this.#ended(code);
    if (next === "sign-in") return this.#renewThenReturn();
    this.#wait();
  }

  async #renewThenReturn() {
    this.#refusals += 1;
    if (this.#refusals >= REFUSALS) return this.#signedOut("expired");
    this.#become("connecting");
    try {
      await this.#tokens.rotate(this.#token);
    } catch (problem) {
      return this.#tokenFailed(problem);
    }
    if (this.status === "connecting") this.#wait();
  }

  #wait() {
    const ms = this.#drainMs || this.#backoff.next();
    this.#drainMs = 0;
    this.retryAt = Date.now() + ms;
    this.#retryTimer = setTimeout(() => this.#connect(), ms);
    this.#become("waiting");
  }

  /** @param {string} why */
  #signedOut(why) {
    this.#ended(null);
    this.dispatchEvent(new CustomEvent("signed-out", { detail: why }));
  }

  /** @param {number | null} code */
  #ended(code) {
    clearTimeout(this.#retryTimer);
    const line = this.#line;
    this.#forgetLine();
    line?.close();
    this.ended = code;
    this.#become("stopped");
  }

  #forgetLine() {
    clearTimeout(this.#lifeTimer);
    clearInterval(this.#renewTimer);
    this.#line = null;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    // Whoever hears "offline" may ask again at once: by then the line must count as lost.
    if (this.status === "online") this.status = "connecting";
    for (const { done, timer } of asked) {
      clearTimeout(timer);
      done(Problem.offline(), null);
    }
  }

  /** @param {Status} status */
  #become(status) {
    this.status = status;
    this.dispatchEvent(new Event("status"));
  }
}

/** An empty or broken line is skipped: if it held an event, the next one shows the hole. @param {string} text */
function parsed(text) {
  try {
    return text.trim() ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
