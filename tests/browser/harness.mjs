// A server of our own for a test: its own port, its own data folder, and a way to pull its plug.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BINARY = process.env.MOIM_BIN ?? resolve(import.meta.dirname, "../../target/debug/moim");
const READY_MS = 60_000;
/** Somebody else may take a port between the look and the use. */
const TRIES = 3;

export class Server {
  #child = null;
  #log = [];

  /** @param {number} port @param {string} folder @param {Record<string, string>} settings */
  constructor(port, folder, settings) {
    this.port = port;
    this.folder = folder;
    this.settings = settings;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @param {Record<string, string>} [settings] as the environment has them @param {number} [tries] */
  static async start(settings = {}, tries = TRIES) {
    const server = new Server(await freePort(), await mkdtemp(join(tmpdir(), "moim-test-")), settings);
    try {
      await server.run();
    } catch (problem) {
      await server.stop();
      if (tries <= 1) throw problem;
      return Server.start(settings, tries - 1);
    }
    return server;
  }

  async run() {
    const env = { ...process.env, ...this.settings, MOIM_LISTEN: `127.0.0.1:${this.port}`, MOIM_DATA_DIR: this.folder };
    this.#child = spawn(BINARY, [], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on("data", (data) => this.#log.push(data));
    const deadline = Date.now() + READY_MS;
    while (Date.now() < deadline) {
      if (this.#child.exitCode !== null) break;
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      if (answer?.status === 200) return;
      await new Promise((wake) => setTimeout(wake, 40));
    }
    throw new Error(`the server did not get ready:\n${Buffer.concat(this.#log)}`);
  }

  /** As a service manager does: what is under way has some seconds. */
  end() {
    return this.#end("SIGTERM");
  }

  /** As a power cut would. */
  kill() {
    return this.#end("SIGKILL");
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.#end("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  /** @param {NodeJS.Signals} signal */
  #end(signal) {
    const ended = new Promise((done) => this.#child.once("exit", done));
    this.#child.kill(signal);
    return ended;
  }

  /**
   * Whoever prepares a room is quicker than a person may be, and waits as asked.
   * @param {string} method @param {string} path @param {any} [body] @param {string} [token]
   */
  async call(method, path, body, token) {
    const response = await fetch(`${this.url}/v1${path}`, {
      method,
      headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
    });
    if (response.status === 429) {
      const { retry_ms: wait } = await response.json();
      await new Promise((wake) => setTimeout(wake, wait));
      return this.call(method, path, body, token);
    }
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : response.json();
  }

  /** @param {string} username */
  register(username) {
    return this.call("POST", "/auth/register", { username, password: "correct horse" });
  }

  /** The room that everybody is in. @param {string} token */
  async lobby(token) {
    const { items } = await this.call("GET", "/rooms", undefined, token);
    return items.find(({ name, club_id }) => name === "general" && !club_id);
  }
}

/** A provider of models that does what the name of the model says. */
export class Models {
  #child = spawn(BINARY, ["mock-llm", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "ignore", "pipe"] });

  /** Where it listens, once it does. @returns {Promise<string>} */
  url() {
    let said = "";
    return new Promise((done, failed) => {
      this.#child.once("exit", () => failed(new Error(`the models did not get ready:\n${said}`)));
      this.#child.stderr.on("data", (data) => {
        said += data;
        const [url] = said.match(/http:\/\/127\.0\.0\.1:\d+/u) ?? [];
        if (url) done(url);
      });
    });
  }

  stop() {
    this.#child.kill("SIGKILL");
  }
}

function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.on("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
