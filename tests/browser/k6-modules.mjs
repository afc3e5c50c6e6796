// Stand-ins for the modules of k6, as much of them as loadtest/k6/chat.js uses: real requests, real sockets,
// and metrics that are kept to be looked at. Each person has modules of its own: `?vu=<number>` says whose.
import { execFileSync } from "node:child_process";
import { register } from "node:module";
import Socket from "ws";

/** What the script measured: name → values. */
export const metrics = new Map();

/** What goes wrong: answers that put the next posts off, and events that come twice. */
export const wrong = { putOff: 0, doubles: false };

function metric(name) {
  if (!metrics.has(name)) metrics.set(name, []);
  return { add: (value) => metrics.get(name).push(Number(value)) };
}

const REQUEST = `
  const [url, body, headers] = JSON.parse(process.argv[1]);
  fetch(url, { method: "POST", body, headers }).then(async (answer) => {
    const told = { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
    process.stdout.write(JSON.stringify(told));
  });`;

/** k6 waits for an answer where it stands. */
function post(url, body, { headers, responseCallback }) {
  if (wrong.putOff > 0) {
    wrong.putOff--;
    metric("http_req_failed").add(!responseCallback(429));
    return { status: 429, headers: { "Retry-After": "1" } };
  }
  const told = execFileSync(process.execPath, ["-e", REQUEST, JSON.stringify([url, body, headers])], { encoding: "utf8" });
  const answer = JSON.parse(told);
  metric("http_req_failed").add(!responseCallback(answer.status));
  return { ...answer, json: (name) => JSON.parse(answer.body)[name] };
}

/** Sockets that are open: an iteration lasts as long as they do. */
const open = new Set();

class WebSocket {
  constructor(url, protocols, { headers }) {
    this.socket = new Socket(url, protocols, { headers });
    this.closed = new Promise((done) => this.socket.on("close", done));
    open.add(this);
  }

  send(data) {
    this.socket.send(data);
  }

  close() {
    this.socket.close();
  }

  addEventListener(name, handler) {
    this.socket.addEventListener(name, handler);
    if (name !== "message") return;
    this.socket.addEventListener(name, (event) => {
      if (wrong.doubles && String(event.data).includes('"msg.new"')) handler(event);
    });
  }
}

globalThis.k6 = (vu) => ({
  "k6": {
    check: (value, sets) =>
      Object.values(sets).every((holds) => {
        const passed = Boolean(holds(value));
        metric("checks").add(passed);
        return passed;
      }),
    sleep: () => {},
  },
  "k6/execution": { default: { vu: { idInTest: vu } } },
  "k6/http": { default: { post, expectedStatuses: (...statuses) => (status) => statuses.includes(status) } },
  "k6/metrics": Object.fromEntries(["Counter", "Rate", "Trend"].map((kind) => [kind, function (name) { return metric(name); }])),
  "k6/timers": { setTimeout, clearTimeout, setInterval, clearInterval },
  "k6/websockets": { WebSocket },
});

/** Gives `import … from "k6/…"` its stand-in, of the same person as the script that asks. */
const HOOKS = `
  const NAMES = ${JSON.stringify(Object.fromEntries(Object.entries(globalThis.k6(0)).map(([name, all]) => [name, Object.keys(all)])))};
  export async function resolve(name, context, next) {
    if (!(name in NAMES)) return next(name, context);
    const vu = new URL(context.parentURL).searchParams.get("vu") ?? "0";
    return { url: "k6:" + name + "?vu=" + vu, shortCircuit: true };
  }
  export async function load(url, context, next) {
    if (!url.startsWith("k6:")) return next(url, context.format === undefined ? { ...context, format: "module" } : context);
    const [name, vu] = url.slice(3).split("?vu=");
    const all = "globalThis.k6(" + Number(vu) + ")[" + JSON.stringify(name) + "]";
    const source = NAMES[name].map((word) =>
      word === "default" ? "export default " + all + ".default;" : "export const " + word + " = " + all + "." + word + ";");
    return { format: "module", source: source.join("\\n"), shortCircuit: true };
  }`;
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);

/** One iteration of a person: its default function, and the sockets that it opened, to their end. */
export async function iterate(script) {
  const before = new Set(open);
  script.default();
  const opened = [...open].filter((socket) => !before.has(socket));
  await Promise.all(opened.map((socket) => socket.closed));
}
