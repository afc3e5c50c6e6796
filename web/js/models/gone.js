/**
 * The room that the reader looked at when they lost it: its name and why, and nothing that was said in it.
 *
 * @typedef {{room: string, name: string, why: string, club: string | null, clubName: string}} Lost
 * @typedef {Lost & {until: number | null, reason: string}} GoneRoom
 */
export class Gone {
  #api;
  #tell;
  /** @type {GoneRoom | null} */ now = null;

  /** @param {any} api @param {() => void} tell that it is another now */
  constructor(api, tell) {
    this.#api = api;
    this.#tell = tell;
  }

  clear() {
    this.now = null;
  }

  /** Who is banned may ask until when, and why. @param {Lost} lost */
  async show(lost) {
    const gone = { ...lost, until: null, reason: "" };
    this.now = gone;
    this.#tell();
    const { code, until = null, banReason = "" } = await this.#api.ofRoom(lost.room, "").catch((/** @type {any} */ problem) => problem);
    if (code !== "banned" || this.now !== gone) return;
    Object.assign(gone, { why: "banned", until, reason: banReason });
    this.#tell();
  }
}
