/**
 * What a timeline looks like, row by row: days, the "new" divider, quiet lines, messages that know
 * whether they begin a group, and what was said in threads meanwhile, as one row each time.
 *
 * @typedef {import("./passage.js").Passage} Passage
 * @typedef {{type: "day", key: string, at: number}
 *   | {type: "new", key: string}
 *   | {type: "line", key: string, at: number, ev: string, user: string, role?: string}
 *   | {type: "thread", key: string, at: number, root: string, count: number, by: string[], text: string, id: string | null}
 *   | {type: "message", key: string, at: number, by: string, text: string, html?: string, head: boolean, tail: boolean,
 *      mine: boolean, state: string, problem: any, cid: string | null, id: string | null, seq: number | null,
 *      reply_to: string | null, edited: boolean, deleted: boolean, files: any[], previews: any[],
 *      reactions: import("./reducer.js").Reaction[], pinned: boolean, calls: boolean, ai: any,
 *      thread: {count: number, last_at: number} | null}} Row
 */
import { rootOf } from "./reducer.js";

const GROUP_MS = 5 * 60 * 1000;

/**
 * @param {Passage} passage
 * @param {{me: string, newAfter?: number | null, dayOf: (at: number) => string, isThread?: boolean}} view
 *   `newAfter` is the `n` above which messages are new; `isThread`: all of it is one thread
 * @returns {Row[]}
 */
export function rowsOf(passage, { me, newAfter = null, dayOf, isThread = false }) {
  /** @type {Row[]} */
  const rows = [];
  let day = "";
  let divided = newAfter === null;

  for (const item of items(passage, me, isThread)) {
    const itemDay = dayOf(item.at);
    if (itemDay !== day) rows.push({ type: "day", key: `day ${itemDay}`, at: item.at });
    day = itemDay;
    if (!divided && item.n > /** @type {number} */ (newAfter)) {
      divided = true;
      if (!item.mine) rows.push({ type: "new", key: "new" });
    }
    const above = rows.at(-1);
    if (item.type === "thread" && above?.type === "thread" && above.root === item.root) join(above, item);
    else rows.push(withGroup(item, above));
  }
  return rows;
}

/**
 * @param {Passage} passage
 * @param {string} me
 * @param {boolean} isThread
 * @returns {any[]}
 */
function items(passage, me, isThread) {
  const confirmed = passage.entries.map((entry) =>
    entry.type === "line"
      ? { ...entry, key: `seq ${entry.seq}` }
      : messageItem(entry.message, me, isThread),
  );
  const pending = passage.pending.map((send) => pendingItem(send, me, isThread));
  return [...confirmed, ...pending];
}

/** @param {import("./reducer.js").Message} message @param {string} me @param {boolean} isThread */
function messageItem(message, me, isThread) {
  const mine = message.by === me;
  const root = rootOf(message);
  // A send keeps its key, and so its place on the screen, when it is confirmed.
  const key = mine && message.cid ? `cid ${message.cid}` : `seq ${message.seq}`;
  if (root && !isThread) return threadItem({ ...message, root, key, mine });
  return {
    type: "message",
    key,
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
    seq: message.seq,
    reply_to: message.reply_to,
    edited: message.rev > 1 && !message.deleted,
    deleted: message.deleted,
    files: message.files ?? [],
    previews: message.previews ?? [],
    reactions: message.reactions,
    pinned: message.pinned,
    calls: !mine && (Boolean(message.calls) || (message.mentions ?? []).includes(me)),
    ai: message.ai ?? null,
    thread: typeof message.thread === "object" ? message.thread : null,
  };
}

/** @param {any} message */
function threadItem({ key, at, n, by, text, deleted, root, mine, id }) {
  return { type: "thread", key: `thread ${key}`, at, n, mine, root, count: 1, by: [by], text: deleted ? "" : text, id };
}

/** One more of the same thread. @param {any} row @param {any} item */
function join(row, item) {
  row.count += 1;
  row.by = [...new Set([...row.by, ...item.by])];
  Object.assign(row, { at: item.at, text: item.text, id: item.id });
}

/** @param {import("./timeline.js").Pending} pending @param {string} me @param {boolean} isThread */
function pendingItem(pending, me, isThread) {
  const key = `cid ${pending.cid}`;
  const { at, text, thread } = pending;
  if (thread && !isThread) return threadItem({ key, at, n: Infinity, by: me, text, root: thread, mine: true, id: null });
  return {
    type: "message",
    key,
    at,
    n: Infinity,
    by: me,
    text,
    mine: true,
    state: pending.state === "sent" ? "confirmed" : pending.state,
    problem: pending.problem,
    cid: pending.cid,
    id: null,
    seq: null,
    reply_to: pending.reply_to,
    edited: false,
    deleted: false,
    files: pending.files,
    previews: [],
    reactions: [],
    pinned: false,
    calls: false,
    ai: null,
    thread: null,
  };
}

/** @param {any} item @param {any} above @returns {Row} */
function withGroup(item, above) {
  if (item.type !== "message") return item;
  const goesOn =
    above?.type === "message" &&
    above.by === item.by &&
    item.at - above.at < GROUP_MS &&
    !item.reply_to &&
    !item.ai;
  if (goesOn) above.tail = false;
  return { ...item, head: !goesOn, tail: true };
}
