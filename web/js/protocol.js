/**
 * The names of the wire: ops, events, error codes, close codes. Nothing here does anything,
 * so that a test can hold this file against the server's own list.
 */

/** What a client asks. */
export const Op = Object.freeze({
  Auth: "auth",
  AuthRefresh: "auth.refresh",
  Open: "open",
  Close: "close",
  Send: "send",
  Edit: "edit",
  Delete: "delete",
  DeleteMany: "delete.many",
  React: "react",
  Unreact: "unreact",
  Pin: "pin",
  Unpin: "unpin",
  Typing: "typing",
  Status: "status",
  Read: "read",
  Unread: "unread",
  Pull: "pull",
  Ping: "ping",
  InboxOpen: "inbox.open",
  InboxRead: "inbox.read",
  AiStop: "ai.stop",
});

/** What the server tells. */
export const Ev = Object.freeze({
  Hello: "hello",
  Auth: "auth",
  RoomHead: "room.head",
  RoomAdd: "room.add",
  RoomRemove: "room.remove",
  RoomUpdate: "room.update",
  CaughtUp: "caught_up",
  MsgNew: "msg.new",
  MsgPreview: "msg.preview",
  MsgEdit: "msg.edit",
  MsgDelete: "msg.delete",
  MsgReact: "msg.react",
  MsgUnreact: "msg.unreact",
  MsgPin: "msg.pin",
  MsgUnpin: "msg.unpin",
  MemberJoin: "member.join",
  MemberLeave: "member.leave",
  MemberKick: "member.kick",
  MemberBan: "member.ban",
  MemberRole: "member.role",
  Presence: "presence",
  PresenceDiff: "presence.diff",
  Typing: "typing",
  Read: "read",
  ThreadRead: "thread.read",
  Behind: "behind",
  Lag: "lag",
  Drain: "drain",
  Inbox: "inbox",
  InboxRead: "inbox.read",
  InboxDrop: "inbox.drop",
  AiStart: "ai.start",
  AiDelta: "ai.delta",
  AiState: "ai.state",
  AiEnd: "ai.end",
  AiWait: "ai.wait",
  AiUnwait: "ai.unwait",
  AiRefused: "ai.refused",
});

/** Why the server refused. */
export const ErrorCode = Object.freeze({
  BadRequest: "bad_request",
  Unauthorized: "unauthorized",
  TokenExpired: "token_expired",
  BadCredentials: "bad_credentials",
  TokenReused: "token_reused",
  Forbidden: "forbidden",
  Muted: "muted",
  Banned: "banned",
  NotFound: "not_found",
  Conflict: "conflict",
  UsernameTaken: "username_taken",
  TooLarge: "too_large",
  Invalid: "invalid",
  RateLimited: "rate_limited",
  SlowMode: "slow_mode",
  AiBudget: "ai_budget",
  AiBusy: "ai_busy",
  Overloaded: "overloaded",
  Unavailable: "unavailable",
  Internal: "internal",
});

/** Why the server hung up. */
export const CloseCode = Object.freeze({
  Shutdown: 4001,
  Restart: 4002,
  TooSlow: 4003,
  HeartbeatMissed: 4009,
  TokenExpired: 4401,
  BadFrame: 4500,
  Revoked: 4501,
  Banned: 4503,
  TooManyConnections: 4504,
  ProtocolVersion: 4505,
});

export const SUBPROTOCOL = "moim.v1";

/** Longest message, in code points after NFC. */
export const TEXT_LIMIT = 4000;

/**
 * What to do after a close: come back, sign in again first, or stay away.
 * @param {number} code
 * @returns {"return" | "sign-in" | "stop"}
 */
export function afterClose(code) {
  if (code >= 4500 && code < 5000) return "stop";
  if (code >= 4400 && code < 4500) return "sign-in";
  return "return";
}

/**
 * How long a text is for the server.
 * @param {string} text
 */
export function textLength(text) {
  return [...text.normalize("NFC")].length;
}
