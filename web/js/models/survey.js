/**
 * What the actors of the server show, as `GET /v1/admin/actors` tells it, and what follows from one
 * look after another: how much processor was used, and how the totals went over the last minute.
 */

/** Looks that are remembered. */
const MINUTE = 60;
/** What has waited longer is slow, and ten times that is bad. */
const SLOW_MS = 50;

/** The totals of which the last minute is drawn. */
export const DRAWN = ["waiting", "lines_per_second", "deliveries_per_second", "appends_per_second", "commits_per_second"];

/**
 * How an actor is doing: by the age of what waits, and by how full its mailbox is. A session that
 * pulls is slow.
 * @param {any} actor
 * @returns {"calm" | "slow" | "bad"}
 */
export function tone({ depth, capacity, oldest_ms: oldest, session }) {
  if (session?.mode === "pull") return "slow";
  const full = capacity ? depth / capacity : 0;
  if (oldest >= SLOW_MS * 10 || full >= 1) return "bad";
  return oldest >= SLOW_MS || full >= 0.5 ? "slow" : "calm";
}

/**
 * How much of the mailbox is taken, for a bar: few messages in many places must show, so it grows
 * with the logarithm.
 * @param {any} actor
 */
export function fill({ depth, capacity }) {
  return depth && capacity ? Math.min(1, Math.log1p(depth) / Math.log1p(capacity)) : 0;
}

/** A key that is the same at the next look. @param {any} actor @param {string} parent */
export function keyOf(actor, parent = "") {
  return `${parent}/${actor.kind}:${actor.room?.id ?? actor.name}`;
}

/** The points of a line through numbers, in a box of 100 by 24. @param {number[]} numbers */
export function points(numbers) {
  const most = Math.max(1, ...numbers);
  const step = 100 / (MINUTE - 1);
  const start = 100 - (numbers.length - 1) * step;
  return numbers.map((n, at) => `${(start + at * step).toFixed(1)},${(23 - (n / most) * 22).toFixed(1)}`).join(" ");
}

export class SurveyBook {
  /** The last look. @type {any} */ latest = null;
  /** Hundredths of a processor between the last two looks. @type {number | null} */ processor = null;
  /** @type {Record<string, number[]>} */ history = Object.fromEntries(DRAWN.map((name) => [name, []]));

  /** @param {any} survey */
  take(survey) {
    const before = this.latest;
    const passed = before ? survey.at - before.at : 0;
    const used = before ? survey.totals.cpu_ms - before.totals.cpu_ms : Number.NaN;
    // Less than before: the server was started again.
    this.processor = passed > 0 && used >= 0 ? Math.round((used / passed) * 100) : null;
    for (const name of DRAWN) {
      const value = survey.totals[name];
      if (value !== null) this.history[name] = [...this.history[name], value].slice(-MINUTE);
    }
    this.latest = survey;
  }
}
