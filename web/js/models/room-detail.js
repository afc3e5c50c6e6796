/**
 * What a room is like and what the reader may do in it: asked for, and then kept up to date by what
 * the server says has changed.
 *
 * **Invariant:** of two answers the one that was asked for later holds, whichever comes last.
 *
 * @typedef {{topic: string, history: string, write: string, slow_mode_s: number, listed: boolean, host_id: string | null,
 *   retention_days: number | null, horizon: number, assistant?: string, rank: string,
 *   muted_until: number | null, mute_reason: string, blocked?: boolean,
 *   permissions: Record<string, string>, may: Set<string>, own: string[]}} Detail
 */
const RANKS = ["member", "moderator", "owner"];
/** What `room.update` calls as the room itself does. */
const SAME = ["name", "topic", "history", "write", "slow_mode_s", "listed", "assistant", "assistant_bots", "horizon", "blocked"];
/** What says all that there is to say of itself. */
const ENOUGH = new Set([...SAME.filter((name) => !["write", "blocked"].includes(name)), "retention_days", "horizon_n", "notify", "hidden", "muted_until", "mute_reason"]);
/** What who is muted may not do, whatever their rank. */
const NEEDS_VOICE = ["send", "attach"];
/** What nobody may do in a private room while one of the two has blocked the other, as the rules say by then, too. */
const NEEDS_PEACE = ["send", "attach", "react", "pin"];
/** A menu does not wait longer to know what may be done. */
const MENU_MS = 400;

export class RoomDetail {
  #fetch;
  #tell;
  #asked = 0;
  #answered = 0;
  /** @type {Detail | null} */ now = null;

  /** @param {(path: string) => Promise<any>} fetch something of the room @param {() => void} tell that it is another now */
  constructor(fetch, tell) {
    this.#fetch = fetch;
    this.#tell = tell;
  }

  async load() {
    const turn = (this.#asked += 1);
    const [room, rules] = await Promise.all([this.#fetch(""), this.#fetch("/permissions")]);
    if (turn !== this.#asked) return;
    this.#answered = turn;
    this.now = { ...room, ...rules, may: new Set(rules.may) };
    this.#tell();
  }

  /** Before one is shown what one may do: not all that changes it is told. */
  async fresh() {
    await Promise.race([this.load().catch(() => {}), new Promise((late) => setTimeout(late, MENU_MS))]);
  }

  /** @param {string} permission */
  may(permission) {
    if (this.mute && NEEDS_VOICE.includes(permission)) return false;
    if (this.now?.blocked && NEEDS_PEACE.includes(permission)) return false;
    return this.now?.may.has(permission) ?? false;
  }

  /** Until when the reader may not write here, and why; it ends without a word. @returns {{until: number, reason: string} | null} */
  get mute() {
    const { muted_until: until, mute_reason: reason = "" } = this.now ?? {};
    return until && until > Date.now() ? { until, reason } : null;
  }

  /** What changed. What the event does not say is asked for. @param {any} d of `room.update` */
  take(d) {
    if (this.now) this.#take(d, this.now);
    const names = Object.keys(d);
    // An answer that is on its way may be from before the change.
    const isLate = !this.now || this.#asked > this.#answered;
    if (isLate || names.length === 0 || names.some((name) => !ENOUGH.has(name))) this.load().catch(() => {});
  }

  /** @param {any} d @param {Detail} now */
  #take(d, now) {
    const said = Object.fromEntries(SAME.flatMap((name) => (name in d ? [[name, d[name]]] : [])));
    if ("host" in d) said.host_id = d.host;
    if ("retention_days" in d) said.retention_days = d.retention_days || null;
    if ("muted_until" in d) Object.assign(said, { muted_until: d.muted_until || null, mute_reason: d.mute_reason ?? "" });
    this.now = { ...now, ...said };
    if ("write" in d) this.#writers(d.write);
    this.#tell();
  }

  /** Who may write, and so whether the reader may. @param {string} write */
  #writers(write) {
    const now = /** @type {Detail} */ (this.now);
    const least = write === "moderators" ? "moderator" : "member";
    now.permissions = { ...now.permissions, send: least };
    now.may = new Set(now.may);
    if (RANKS.indexOf(now.rank) >= RANKS.indexOf(least)) now.may.add("send");
    else now.may.delete("send");
  }
}
