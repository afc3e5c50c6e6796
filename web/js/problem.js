/** What must wait longer is given back to who wanted it. */
const PATIENCE_MS = 20_000;

/**
 * A refusal that a person can act on, whether it came by HTTP, by the socket, or because nothing
 * came at all (`offline`).
 */
export class Problem extends Error {
  /**
   * @param {{code?: string, reason?: string, detail?: string, status?: number, temporary?: boolean,
   *   retry_ms?: number, until?: number, ban_reason?: string, errors?: {field: string, reason?: string, least?: number, most?: number, message: string}[]}} facts
   */
  constructor({ code = "internal", reason, detail, status = 0, temporary = false, retry_ms, until, ban_reason, errors }) {
    super(detail ?? code);
    const [main, sub] = code.split("/");
    this.code = main;
    this.reason = reason ?? sub ?? null;
    this.detail = detail ?? "";
    this.status = status;
    this.temporary = temporary;
    this.retryMs = retry_ms ?? null;
    this.until = until ?? null;
    /** What a moderator said to a ban. */
    this.banReason = ban_reason ?? "";
    this.errors = errors ?? [];
  }

  /** Nothing answered. */
  static offline() {
    return new Problem({ code: "offline", temporary: true });
  }

  /** Whether it is worth waiting for, without asking a person. */
  get isSoonOver() {
    return this.temporary && this.code !== "muted" && (this.retryMs ?? 0) <= PATIENCE_MS;
  }

  /** The `err` of a socket reply. @param {any} err */
  static ofReply(err) {
    return new Problem({ ...err, detail: err.msg });
  }

  /**
   * A problem body, or what can be said without one.
   * @param {Response} response
   */
  static async ofResponse(response) {
    const body = await response.json().catch(() => ({}));
    const wait = Number(response.headers.get("Retry-After"));
    const { status } = response;
    return new Problem({
      ...body,
      code: body.code ?? codeOf(status),
      status,
      temporary: status === 429 || status >= 502,
      retry_ms: body.retry_ms ?? (wait ? wait * 1000 : undefined),
    });
  }
}

/** @param {number} status */
function codeOf(status) {
  if (status === 404) return "not_found";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 429) return "rate_limited";
  return status >= 502 ? "unavailable" : "internal";
}
