import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { number, t, tProblem } from "/js/i18n.js";
import { bytesText, rateText, showActors } from "/js/elements/actor-box.js";
import { DRAWN, SurveyBook, points } from "/js/models/survey.js";

const EVERY_MS = 1000;
/** After a look that failed. */
const AGAIN_MS = 2500;
/** Rooms that are drawn one by one. */
const ROOMS = 60;

/** The page of the actors, for admins: looks once a second while it is seen and not paused. */
class LiveView extends LiveElement {
  /** @type {import("/js/api.js").Api} */ api = /** @type {any} */ (null);
  #book = new SurveyBook();
  #isPaused = false;
  #isLooking = false;
  /** @type {any} */ #timer;
  /** @type {any} */ #problem = null;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("live-view"));
    this.on(part(this, "pause"), "click", () => this.#pause(!this.#isPaused));
    this.on(document, "visibilitychange", () => this.#look());
    this.on(document, "localechange", () => this.#render());
    this.#render();
    this.#look();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    super.disconnectedCallback();
  }

  /* Actions */

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    this.#isPaused = isPaused;
    this.#render();
    this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    if (this.#isLooking || this.#isPaused || document.visibilityState !== "visible") return;
    this.#isLooking = true;
    const began = performance.now();
    try {
      this.#book.take(await this.api.actors(ROOMS));
      this.#problem = null;
    } catch (problem) {
      this.#problem = problem;
    }
    this.#isLooking = false;
    if (!this.isConnected) return;
    this.#render();
    if (this.#problem?.status === 403) return;
    const left = this.#problem ? AGAIN_MS : EVERY_MS - (performance.now() - began);
    this.#timer = setTimeout(() => this.#look(), Math.max(100, left));
  }

  /* Rendering */

  #render() {
    document.title = `${t("live.title")} · Moim`;
    const isDenied = this.#problem?.status === 403;
    part(this, "denied").hidden = !isDenied;
    part(this, "pause").hidden = isDenied;
    setText(part(this, "pause"), t(this.#isPaused ? "live.go" : "live.pause"));
    const problem = part(this, "problem");
    problem.hidden = !this.#problem || isDenied;
    setText(problem, this.#problem ? tProblem(this.#problem) : "");
    const { latest } = this.#book;
    part(this, "seen").hidden = !latest || isDenied;
    if (!latest || isDenied) return;
    this.dataset.isOld = String(this.#isPaused || this.#problem !== null);
    setText(part(this, "at"), new Date(latest.at).toLocaleTimeString(document.documentElement.lang));
    this.#renderTotals(latest.totals);
    showActors(part(this, "tree"), [latest.root], "");
  }

  /** @param {any} totals */
  #renderTotals(totals) {
    const whole = ["connections", "streams", "rooms_awake", "waiting", "room_restarts", "set_aside"];
    for (const name of whole) this.#say(name, number(totals[name]));
    for (const name of DRAWN.filter((name) => name !== "waiting")) this.#say(name, rateText(totals[name]));
    this.#say("memory", totals.memory_bytes === null ? "–" : bytesText(totals.memory_bytes));
    this.#say("processor", this.#book.processor === null ? "–" : `${number(this.#book.processor)} %`);
    for (const name of ["room_restarts", "set_aside"]) part(this, name).classList.toggle("alarm", totals[name] > 0);
    for (const name of DRAWN) {
      const line = this.querySelector(`[data-line="${name}"]`);
      line?.setAttribute("points", points(this.#book.history[name]));
    }
  }

  /** @param {string} name @param {string} text */
  #say(name, text) {
    setText(part(this, name), text);
  }
}

customElements.define("live-view", LiveView);
