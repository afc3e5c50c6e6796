/**
 * What a timeline looks like, row by row: days, the "new" divider, quiet lines, and messages
 * that know whether they begin a group.
 *
 * @typedef {import("./timeline.js").Timeline} Timeline
 * @typedef {{type: "day", key: string, at: number}
 *   | {type: "new", key: string}
 *   | {type: "line", key: string, at: number, ev: string, user: string}
 *   | {type: "message", key: string, at: number, by: string, text: string, html?: string, head: boolean, tail: boolean,
 *      mine: boolean, state: string, problem: any, cid: string | null, id: string | null,
 *      reply_to: string | null, edited: boolean, deleted: boolean, files: any[], previews: any[]}} Row
 */

const GROUP_MS = 5 * 60 * 1000;

/**
 * @param {Timeline} timeline
 * @param {{me: string, newAfter?: number | null, dayOf: (at: number) => string}} view
 *   `newAfter` is the `n` above which messages are new
 * @returns {Row[]}
 */
export function rowsOf(timeline, { me, newAfter = null, dayOf }) {
  /** @type {Row[]} */
  const rows = [];
  let day = "";
  let divided = newAfter === null;

  for (const item of items(timeline, me)) {
    const itemDay = dayOf(item.at);
    if (itemDay !== day) rows.push({ type: "day", key: `day ${itemDay}`, at: item.at });
    day = itemDay;
    if (!divided && item.type === "message" && item.n > /** @type {number} */ (newAfter)) {
      divided = true;
      if (!item.mine) rows.push({ type: "new", key: "new" });
    }
    rows.push(withGroup(item, rows.at(-1)));
  }
  return rows;
}

/**
 * @param {Timeline} timeline
 * @param {string} me
 * @returns {any[]}
 */
function items(timeline, me) {
  const confirmed = timeline.entries.map((entry) =>
    entry.type === "line"
      ? { ...entry, key: `seq ${entry.seq}` }
      : messageItem(entry.message, me),
  );
  return [...confirmed, ...timeline.pending.map((pending) => pendingItem(pending, me))];
}

/** @param {import("./timeline.js").Message} message @param {string} me */
function messageItem(message, me) {
  const mine = message.by === me;
  return {
    type: "message",
    // A send keeps its key, and so its place on the screen, when it is confirmed.
    key: mine && message.cid ? `cid ${message.cid}` : `seq ${message.seq}`,
    at: message.at,
    n: message.n,
    by: message.by,
    text: message.text,
    html: message.html,
    mine,
    state: "confirmed",
    problem: null,
    cid: mine ? (message.cid ?? null) : null,
    id: message.id,
    reply_to: message.reply_to,
    edited: message.rev > 1 && !message.deleted,
    deleted: message.deleted,
    files: message.files ?? [],
    previews: message.previews ?? [],
  };
}

/** @param {import("./timeline.js").Pending} pending @param {string} me */
function pendingItem(pending, me) {
  return {
    type: "message",
    key: `cid ${pending.cid}`,
    at: pending.at,
    n: Infinity,
    by: me,
    text: pending.text,
    mine: true,
    state: pending.state === "sent" ? "confirmed" : pending.state,
    problem: pending.problem,
    cid: pending.cid,
    id: null,
    reply_to: pending.reply_to,
    edited: false,
    deleted: false,
    files: pending.files,
    previews: [],
  };
}

/** @param {any} item @param {any} above @returns {Row} */
function withGroup(item, above) {
  if (item.type !== "message") return item;
  const goesOn =
    above?.type === "message" &&
    above.by === item.by &&
    item.at - above.at < GROUP_MS &&
    !item.reply_to;
  if (goesOn) above.tail = false;
  return { ...item, head: !goesOn, tail: true };
}
