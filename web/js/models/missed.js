/** What somebody had not read when they came back, for who wants it summed up rather than read. */

/** Fewer are read sooner than what would be said of them. */
const WORTH_IT = 10;
/** The server reads the last 200 at most; further back is looked only to know how many there are. */
const PAGE = 200;
const MOST_PAGES = 5;

/** Whether the reader can be told what stands behind the "new" divider. @param {import("./chat.js").Chat} chat */
export function mayCatchUp({ feed, room, hasAssistant, status }) {
  if (!feed || !room || feed.newAfter === null || feed.past || !hasAssistant || status !== "online") return false;
  const { assistant = "off" } = /** @type {any} */ (feed.detail ?? {});
  return assistant !== "off" && feed.may("send") && room.n - feed.newAfter >= WORTH_IT;
}

/**
 * Asks what stands behind the divider. The server looks at the asker's mark at the moment of the
 * question, and the page moves that as soon as somebody sees the end: so it is put back first, and
 * stays until the question stands.
 * @param {import("./chat.js").Chat} chat
 * @param {any} api
 * @param {string} text the question, as the room is to see it
 */
export async function catchUp(chat, api, text) {
  const { feed, current: room } = chat;
  const after = feed?.newAfter ?? null;
  if (!feed || !room || after === null) return;
  feed.isHeld = true;
  try {
    const seq = await firstAfter(feed, api, after);
    if (seq !== null) await chat.markUnread(seq, room);
    await api.send("POST", `/rooms/${encodeURIComponent(room)}/ai`, { text });
    feed.newAfter = null;
  } finally {
    feed.isHeld = false;
  }
}

/** The seq of the first message above an `n`, though it may not be here. @param {import("./feed.js").Feed} feed @param {any} api @param {number} after */
async function firstAfter({ room, timeline }, api, after) {
  const messages = timeline.entries.flatMap((/** @type {any} */ { message }) => message ?? []);
  let [first = null] = messages.filter(({ n }) => n > after);
  let reachesBack = timeline.complete || messages.some(({ n }) => n <= after);
  for (let pages = 0; !reachesBack && pages < MOST_PAGES; pages += 1) {
    const { items, next } = await api.messages(room, first?.seq ?? null, PAGE);
    first = items.find((/** @type {any} */ { n }) => n > after) ?? first;
    reachesBack = !next || items.length === 0 || items[0].n <= after;
  }
  return first?.seq ?? null;
}
