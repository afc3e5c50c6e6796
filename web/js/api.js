/** HTTP: `fetch` with the token, JSON both ways, and every failure a `Problem`. */
import { Problem } from "./problem.js";
import { Tokens } from "./tokens.js";
import { readVault, writeVault } from "./vault.js";

const BASE = "/v1";

/**
 * One request without a token.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {string} [token]
 * @param {(response: Response) => Promise<any>} [read] what is made of the answer
 * @returns {Promise<any>}
 */
async function call(method, path, body, token, read = (response) => response.json()) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const isFile = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
  const response = await fetch(BASE + path, {
    method,
    headers,
    body: body === undefined || isFile ? body : JSON.stringify(body),
  }).catch(() => {
    throw Problem.offline();
  });
  if (!response.ok) throw await Problem.ofResponse(response);
  return response.status === 204 ? null : read(response);
}

export class Api {
  /** What is to be said when the sign-in ends, if the reader has ended it. @type {string | null} */ farewell = null;
  tokens = new Tokens({
    storage: localStorage,
    post: (path, body) => call("POST", path, body),
    locks: navigator.locks,
    vault: { read: readVault, write: writeVault },
  });

  /** @param {{username: string, password: string, display_name?: string}} form */
  async register(form) {
    return this.tokens.keep(await call("POST", "/auth/register", form));
  }

  /** @param {{username: string, password: string}} form */
  async signIn(form) {
    return this.tokens.keep(await call("POST", "/auth/login", form));
  }

  /** Forgets the tokens even if the server cannot be told. */
  async signOut() {
    await this.send("POST", "/auth/logout", {}).catch(() => {});
    if (this.tokens.pair) this.tokens.forget();
  }

  /** Where one is signed in. */
  bots() {
    return this.get("/bots?limit=200");
  }

  devices() {
    return this.get("/me/devices?limit=200");
  }

  /** All that is kept of the account, as a file. @returns {Promise<Blob>} */
  async export() {
    const broken = () => Promise.reject(Problem.offline());
    const blob = await this.send("GET", "/me/export", undefined, (response) => response.blob().catch(broken));
    const end = await blob.slice(-16).text();
    // One that does not end was cut off.
    return end.trimEnd().endsWith("}") ? blob : broken();
  }

  /** Ends the account for good. The line hears of that before the answer is here. @param {string} password */
  async erase(password) {
    this.farewell = "erased";
    try {
      await this.send("DELETE", "/me", { password });
    } catch (problem) {
      this.farewell = null;
      throw problem;
    }
    if (this.tokens.pair) this.tokens.forget();
  }

  /** @param {string[]} ids */
  async users(ids) {
    const query = new URLSearchParams({ ids: ids.join(","), limit: "200" });
    return (await this.get(`/users?${query}`)).items;
  }

  /** @param {string} room @param {number | null} before @param {number} limit */
  messages(room, before, limit) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before !== null) query.set("before_seq", String(before));
    return this.get(`/rooms/${encodeURIComponent(room)}/messages?${query}`);
  }

  /** Something of a room. @param {string} room @param {string} path @param {Record<string, string | number>} [query] */
  ofRoom(room, path, query = {}) {
    const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    return this.get(`/rooms/${encodeURIComponent(room)}${path}${asked.size ? `?${asked}` : ""}`);
  }

  /** @param {string} room @param {string | null} cursor */
  members(room, cursor) {
    const query = new URLSearchParams({ limit: "100" });
    if (cursor) query.set("cursor", cursor);
    return this.get(`/rooms/${encodeURIComponent(room)}/members?${query}`);
  }

  rooms() {
    return this.get("/rooms?limit=200");
  }

  /** @param {string} text @param {string | null} cursor */
  clubs(text, cursor = null) {
    const query = new URLSearchParams({ query: text, limit: "30" });
    if (cursor) query.set("cursor", cursor);
    return this.get(`/clubs?${query}`);
  }

  /** @param {string} id */
  club(id) {
    return this.get(`/clubs/${encodeURIComponent(id)}`);
  }

  /** @param {{name: string, description?: string}} form */
  makeClub(form) {
    return this.send("POST", "/clubs", form);
  }

  /** @param {string} id */
  joinClub(id) {
    return this.send("POST", `/clubs/${encodeURIComponent(id)}/join`, {});
  }

  /** @param {string} club @param {{name: string}} form */
  makeRoom(club, form) {
    return this.send("POST", `/clubs/${encodeURIComponent(club)}/rooms`, form);
  }

  /** @param {string} room @param {string} root @param {number} seq */
  readThread(room, root, seq) {
    return this.send("POST", `/rooms/${encodeURIComponent(room)}/threads/${encodeURIComponent(root)}/read`, { seq });
  }

  /** @param {{display_name?: string | null, locale?: string, status_text?: string | null}} wish null clears; what is absent stays */
  changeMe(wish) {
    return this.send("PATCH", "/me", wish);
  }

  /** Whom the reader has blocked. @param {number} limit @param {string | null} cursor */
  blocks(limit, cursor) {
    return this.get(`/me/blocks?${new URLSearchParams({ limit: String(limit), ...(cursor && { cursor }) })}`);
  }

  /** @param {string} user @param {boolean} isBlocked */
  block(user, isBlocked) {
    return this.send(isBlocked ? "PUT" : "DELETE", `/users/${encodeURIComponent(user)}/block`);
  }

  /** What there is of the assistant. @returns {Promise<{assistant: string | null, hasAssistant: boolean, hasModel: boolean}>} */
  assistant() {
    const told = ({ user = null, enabled = false, connected = false }) => ({ assistant: user, hasAssistant: enabled, hasModel: connected });
    return this.get("/ai").then(told, () => told({}));
  }

  /** @param {string | null} cursor */
  inbox(cursor) {
    return this.get(`/inbox?${new URLSearchParams({ limit: "50", ...(cursor && { cursor }) })}`);
  }

  /** @param {{upto_seq?: number, ids?: string[]}} wish */
  readInbox(wish) {
    return this.send("POST", "/inbox/read", wish);
  }

  /** @param {Record<string, string>} query */
  search(query) {
    return this.get(`/search?${new URLSearchParams(query)}`);
  }

  /** @param {string} text */
  async findUsers(text) {
    return (await this.get(`/users?${new URLSearchParams({ query: text, limit: "20" })}`)).items;
  }

  /** Keys for addresses of files. @param {string[]} ids */
  fileKeys(ids) {
    return this.send("POST", "/files/keys", { ids });
  }

  /** Uploads a file for a message in a room. @param {string} room @param {File} file */
  upload(room, file) {
    const query = new URLSearchParams({ name: file.name });
    return this.send("POST", `/rooms/${encodeURIComponent(room)}/files?${query}`, file);
  }

  /** The actors of the server, for admins. @param {number} rooms to hear of one by one */
  actors(rooms) {
    return this.get(`/admin/actors?limit=${rooms}`);
  }

  /** @param {string} path */
  get(path) {
    return this.send("GET", path);
  }

  /**
   * Any call, with a token; one that the server finds too old is changed for a new one, once.
   * @param {string} method
   * @param {string} path
   * @param {any} [body]
   * @param {(response: Response) => Promise<any>} [read] what is made of the answer
   */
  async send(method, path, body, read) {
    const token = await this.tokens.fresh();
    try {
      return await call(method, path, body, token, read);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      const { access } = await this.tokens.rotate(token);
      return call(method, path, body, access, read);
    }
  }
}
