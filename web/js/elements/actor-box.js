import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { has, number, t, tn } from "/js/i18n.js";
import { fill, keyOf, tone } from "/js/models/survey.js";

/** A number a second; few of them with a digit behind the point. @param {number | null} rate */
export function rateText(rate) {
  if (rate === null) return "–";
  return number(rate < 10 ? rate : Math.round(rate));
}

/** @param {number} bytes */
export function bytesText(bytes) {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${number(Math.round(bytes / 100) / 10)} kB`;
  return `${number(Math.round(bytes / 1e5) / 10)} MB`;
}

/** @param {number} ms */
function spanText(ms) {
  return ms < 10_000 ? `${number(ms < 10 ? ms : Math.round(ms))} ms` : `${number(Math.round(ms / 1000))} s`;
}

/**
 * Brings the boxes of a list to what is told: those that are still there stay, so that focus and
 * scroll do, too.
 * @param {HTMLElement} list
 * @param {any[]} actors
 * @param {string} parent key of the actor above
 */
export function showActors(list, actors, parent) {
  const known = new Map([...list.children].map((box) => [/** @type {any} */ (box).key, box]));
  actors.forEach((actor, at) => {
    const key = keyOf(actor, parent);
    const box = /** @type {any} */ (known.get(key) ?? document.createElement("actor-box"));
    known.delete(key);
    box.key = key;
    if (list.children[at] !== box) list.insertBefore(box, list.children[at] ?? null);
    box.show(actor);
  });
  for (const gone of known.values()) gone.remove();
}

/** One actor: a box with its numbers, and the boxes of those below it inside. */
class ActorBox extends LiveElement {
  key = "";

  connectedCallback() {
    if (this.isBuilt) return;
    this.setAttribute("role", "listitem");
    this.append(stamp("actor-box"));
  }

  /** @param {any} actor */
  show(actor) {
    this.dataset.kind = actor.kind;
    this.dataset.tone = tone(actor);
    setText(part(this, "name"), actor.name);
    const kind = has(`live.kind.${actor.kind}`) ? t(`live.kind.${actor.kind}`) : actor.kind;
    setText(part(this, "kind"), actor.room?.id ?? kind);
    part(this, "numbers").hidden = actor.depth === null;
    part(this, "bar").hidden = !actor.capacity;
    part(this, "bar").style.setProperty("--fill", String(fill(actor)));
    setText(part(this, "depth"), actor.depth === null ? "" : number(actor.depth));
    setText(part(this, "places"), actor.capacity ? t("live.of", { count: number(actor.capacity) }) : "");
    setText(part(this, "rate"), rateText(actor.per_second));
    setText(part(this, "oldest"), actor.oldest_ms ? spanText(actor.oldest_ms) : "–");
    const restarts = part(this, "restarts");
    restarts.hidden = actor.restarts === 0;
    setText(restarts, tn("live.restarts", actor.restarts));
    const more = this.#more(actor);
    part(this, "more").hidden = more === "";
    setText(part(this, "more"), more);
    const below = part(this, "below");
    below.hidden = actor.children.length === 0;
    showActors(below, actor.children, this.key);
  }

  /** What only its kind has, in a sentence. @param {any} actor */
  #more({ kind, rooms, room, lane, worker, session }) {
    if (rooms) {
      const all = { awake: number(rooms.awake), shown: number(rooms.shown), seats: number(rooms.seats) };
      return t(rooms.shown < rooms.awake ? "live.rooms.some" : "live.rooms.all", {
        ...all, depth: number(rooms.depth), rate: rateText(rooms.per_second), oldest: spanText(rooms.oldest_ms),
      });
    }
    if (room) {
      return t("live.room", { seats: number(room.seats), head: number(room.head), ring: bytesText(room.ring_bytes) });
    }
    if (lane) return t("live.lane", { rate: rateText(lane.commits_per_second), batch: number(lane.batch) });
    if (worker) {
      const numbers = Object.fromEntries(["sessions", "streams", "opened", "lagging"].map((name) => [name, number(worker[name])]));
      return t("live.worker", { ...numbers, bytes: bytesText(worker.outbox_bytes), rate: rateText(worker.deliveries_per_second) });
    }
    if (session) {
      return t(`live.session.${session.mode}`, { user: session.user_id, bytes: bytesText(session.outbox_bytes), rooms: number(session.pulling) });
    }
    return kind === "worker" ? t("live.silent") : "";
  }
}

customElements.define("actor-box", ActorBox);
