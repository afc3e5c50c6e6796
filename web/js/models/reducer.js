/**
 * What an event of the log does to messages. The one place where that is said: the conversation,
 * what was looked up in the past, threads and pins all go through it, so that what was seen live,
 * what a resume brings and what a list says come out alike.
 *
 * **Invariant:** the same events in the same order, however many of them a message has in it
 * already, end in the same message.
 *
 * @typedef {{emoji: string, count: number, mine: boolean}} Reaction
 * @typedef {{run: string, state: "running" | "done", bytes: number, asker?: string, model?: string,
 *   finish?: string, error?: string, cites?: {id: string, seq: number}[], use?: any, context?: any, first_ms?: number}} Ai
 * @typedef {{id: string, seq: number, n: number, at: number, by: string, cid?: string, text: string,
 *   html?: string, reply_to: string | null, rev: number, edited_at?: number, deleted: boolean,
 *   reactions: Reaction[], pinned: boolean, thread?: string | {count: number, last_at: number},
 *   mentions?: string[], calls?: string, files?: any[], previews?: any[], ai?: Ai}} Message
 * @typedef {{find: (id: string) => Message | null, me: string, isAgain?: boolean}} Place
 *   `isAgain`: what is there may be newer than the event
 */
import { Ev } from "../protocol.js";

/** A message as a list, a snapshot or `msg.new` tells it, whole. @param {any} told @returns {Message} */
export function messageOf(told) {
  const message = { reply_to: null, rev: 1, deleted: false, reactions: [], pinned: false, ...told };
  if (message.deleted || message.text === undefined) message.text = "";
  message.reactions = message.reactions.map((/** @type {Reaction} */ reaction) => ({ ...reaction }));
  if (message.ai) message.ai = { state: "done", bytes: byteLength(message.text), ...message.ai };
  return message;
}

/** The message that an event begins, or null. @param {any} event @returns {Message | null} */
export function begun({ ev, seq, n, at, d }) {
  if (ev === Ev.MsgNew) return messageOf({ ...d, seq, n, at });
  if (ev !== Ev.AiStart) return null;
  const { run, model, asker, ...rest } = d;
  return messageOf({ text: "", ...rest, seq, n, at, ai: { run, model, asker, state: "running" } });
}

/** The root of the thread that a message is in, or null. @param {{thread?: any}} message @returns {string | null} */
export function rootOf({ thread }) {
  return typeof thread === "string" ? thread : null;
}

/** Whether an event says something about messages that are there already. @param {any} event @param {Place} place */
export function change(event, place) {
  const act = ACTS[event.ev];
  return act ? act(event, place) : false;
}

/** @type {Record<string, (event: any, place: Place) => boolean>} */
const ACTS = {
  [Ev.MsgNew]: answered,
  [Ev.MsgEdit]: edited,
  [Ev.MsgDelete]: erased,
  [Ev.MsgReact]: reacted,
  [Ev.MsgUnreact]: reacted,
  [Ev.MsgPin]: pinned,
  [Ev.MsgUnpin]: pinned,
  [Ev.MsgPreview]: previewed,
  [Ev.AiEnd]: ended,
};

/** A message in a thread counts at its root. @param {any} event @param {Place} place */
function answered({ at, d }, { find, isAgain }) {
  const root = rootOf(d);
  const message = root ? find(root) : null;
  if (!message) return false;
  const { count = 0, last_at = 0 } = typeof message.thread === "object" ? message.thread : {};
  // A list that was made after this event has it in its count.
  if (at < last_at || (isAgain && at === last_at)) return false;
  message.thread = { count: count + 1, last_at: at };
  return true;
}

/** @param {any} event @param {Place} place */
function edited({ at, d }, { find }) {
  const message = find(d.id);
  const rev = d.rev ?? (message?.rev ?? 0) + 1;
  if (!message || message.deleted || d.deleted || rev <= message.rev) return false;
  // Where it says nothing to anybody, the message must be read again.
  if (d.text === undefined) return false;
  const { text, html, mentions, calls } = d;
  Object.assign(message, { text, html, mentions, calls, rev, edited_at: at });
  if (message.previews) message.previews = [];
  return true;
}

/** @param {any} event @param {Place} place */
function erased({ d }, { find }) {
  const message = find(d.id);
  if (!message) return false;
  Object.assign(message, { text: "", html: undefined, deleted: true, reactions: [], pinned: false });
  for (const more of /** @type {const} */ (["files", "previews"])) if (message[more]) message[more] = [];
  return true;
}

/** The event says how many there are after it. @param {any} event @param {Place} place */
function reacted({ ev, d }, { find, me }) {
  const message = find(d.id);
  if (!message || message.deleted) return false;
  const mine = d.by === me ? ev === Ev.MsgReact : null;
  const known = message.reactions.find(({ emoji }) => emoji === d.emoji);
  const next = { emoji: d.emoji, count: d.count, mine: mine ?? known?.mine ?? false };
  if (!known && d.count > 0) message.reactions = [...message.reactions, next];
  else {
    const reactions = message.reactions.map((reaction) => (reaction === known ? next : reaction));
    message.reactions = reactions.filter(({ count }) => count > 0);
  }
  return true;
}

/** @param {any} event @param {Place} place */
function pinned({ ev, d }, { find }) {
  const message = find(d.id);
  if (!message || message.deleted) return false;
  message.pinned = ev === Ev.MsgPin;
  return true;
}

/** What is behind the links of a message. @param {any} event @param {Place} place */
function previewed({ d }, { find }) {
  const message = find(d.id);
  // Where it says nothing to anybody, the message must be read again.
  if (!message || message.deleted || !d.previews) return false;
  message.previews = d.previews;
  return true;
}

/** @param {any} event @param {Place} place */
function ended({ d }, { find }) {
  const message = find(d.id);
  if (message && (message.deleted || d.deleted)) {
    if (message.ai?.state !== "running") return false;
    message.ai = { ...message.ai, state: /** @type {const} */ ("done") };
    return true;
  }
  if (!message) return false;
  const { id: _id, by: _by, text = message.text, html, ...told } = d;
  const ai = { ...message.ai, ...told, state: /** @type {const} */ ("done"), bytes: byteLength(text) };
  Object.assign(message, { text, html, ai });
  return true;
}

/**
 * A piece of an answer that is being written, by its offset in bytes. One that came before changes
 * nothing; behind a hole nothing is put, as the end brings the whole text.
 * @param {Message} message
 * @param {{off: number, text: string}} delta
 */
export function grow(message, { off, text }) {
  const { ai } = message;
  if (!ai || message.deleted || ai.state !== "running" || off > ai.bytes) return false;
  const fresh = off === ai.bytes ? text : bytesFrom(text, ai.bytes - off);
  if (!fresh) return false;
  message.text += fresh;
  ai.bytes += byteLength(fresh);
  return true;
}

/** All that was written of an answer so far. @param {Message} message @param {{off: number, text: string}} state */
export function regrow(message, { off, text }) {
  const { ai } = message;
  if (!ai || message.deleted || ai.state !== "running") return false;
  message.text = text;
  ai.bytes = off;
  return true;
}

/** @param {string} text */
function byteLength(text) {
  return new TextEncoder().encode(text).length;
}

/** What of a text lies behind its first bytes. @param {string} text @param {number} from */
function bytesFrom(text, from) {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(from));
}
