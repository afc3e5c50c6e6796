import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { t, tProblem } from "/js/i18n.js";
import { inShort } from "/js/in-short.js";
import { cardOf } from "/js/elements/message-card.js";
import { tell } from "/js/elements/telling.js";
import { toast } from "/js/elements/toast-stack.js";

/** A list of messages that one goes to. Each of them says where its messages come from. */
class FinderPanel extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  /** Its list could not be had. */
  #isOwed = false;

  connectedCallback() {
    if (this.isBuilt) return;
    this.append(stamp("finder-panel"));
    this.on(this.chat, "people", () => this.render());
    this.on(this.chat, "status", () => this.#isOwed && !this.hidden && this.chat.status === "online" && this.show());
    this.on(this.chat.folds, "change", () => this.render());
    this.on(document, "localechange", () => this.render());
    this.listen();
  }

  listen() {}

  /** @returns {Promise<void>} */
  async load() {}

  /** @returns {HTMLElement[]} */
  cards() {
    return [];
  }

  /** What to say when there is nothing. */
  get nothing() {
    return "";
  }

  show() {
    this.#isOwed = false;
    this.render();
    this.load().then(
      () => this.render(),
      (problem) => {
        this.#isOwed = true;
        toast(tProblem(problem), "bad");
      },
    );
  }

  render() {
    if (this.hidden) return;
    const cards = this.cards();
    part(this, "list").replaceChildren(...cards);
    setText(part(this, "none"), cards.length ? "" : this.nothing);
  }
}

/** What is pinned in the room. */
class PinPanel extends FinderPanel {
  /** @type {any[]} */ #pins = [];
  #isLoaded = false;

  listen() {
    this.on(this.chat, "pins", ({ detail }) => detail === this.chat.current && !this.hidden && this.show());
  }

  get nothing() {
    return this.#isLoaded ? t("pins.none") : "";
  }

  async load() {
    const room = this.chat.current ?? "";
    /** @type {any[]} */ const pins = [];
    /** @type {string | null} */ let cursor = null;
    do {
      const page = await this.api.ofRoom(room, "/pins", cursor ? { cursor } : {});
      pins.push(...page.items);
      cursor = page.next;
    } while (cursor);
    this.#pins = pins;
    this.#isLoaded = true;
  }

  leave() {
    this.#pins = [];
    this.#isLoaded = false;
  }

  cards() {
    const room = this.chat.current;
    return this.#pins.map(({ message, by, at }) => {
      const where = t("pins.by", { name: this.chat.people.name(by) || t("someone") });
      const run = () => tell("go-to", { room, seq: message.seq });
      return cardOf(this.chat, { id: message.id, user: message.by, at, where, text: inShort(message) || (message.files?.[0]?.name ?? ""), run });
    });
  }
}

/** The threads that the reader follows in the room. */
class ThreadListPanel extends FinderPanel {
  listen() {
    this.on(this.chat, "threads", ({ detail }) => detail === this.chat.current && this.render());
    part(this, "more").addEventListener("click", () => this.#more());
  }

  #more() {
    this.chat.feed?.threads.more().catch((problem) => toast(tProblem(problem), "bad"));
    this.render();
  }

  render() {
    super.render();
    const threads = this.chat.feed?.threads;
    part(this, "more").hidden = !threads?.hasMore || threads.isLoading;
  }

  get nothing() {
    return this.chat.feed?.threads.isLoaded ? t("threads.none") : "";
  }

  async load() {
    await this.chat.feed?.threads.load();
  }

  cards() {
    const { feed } = this.chat;
    return (feed?.threads.list ?? []).map(({ root, about, unread }) => {
      const message = feed?.message(root) ?? about;
      const run = () => tell("open-panel", { name: "thread", root });
      const text = message?.deleted ? t("message.deleted") : message ? inShort(message) : "";
      const at = message?.thread?.last_at ?? message?.at ?? 0;
      return cardOf(this.chat, { id: root, user: message?.by ?? null, at, text, count: unread, isNew: unread > 0, run });
    });
  }
}

/** Who called or answered the reader, anywhere. */
class InboxPanel extends FinderPanel {
  listen() {
    this.on(this.chat.inbox, "change", () => this.render());
    part(this, "more").addEventListener("click", () => this.chat.inbox.more().catch((/** @type {any} */ problem) => toast(tProblem(problem), "bad")));
    part(this, "all-read").addEventListener("click", () => this.chat.inbox.read().catch((/** @type {any} */ problem) => toast(tProblem(problem), "bad")));
  }

  get nothing() {
    return this.chat.inbox.isLoaded ? t("inbox.none") : "";
  }

  async load() {
    await this.chat.inbox.load();
  }

  render() {
    super.render();
    part(this, "more").hidden = !this.chat.inbox.hasMore;
    part(this, "all-read").hidden = this.chat.inbox.unread === 0;
  }

  cards() {
    return this.chat.inbox.list.map((entry) => {
      const where = this.chat.book.get(entry.room ?? "")?.name ?? "";
      const run = () => this.#go(entry);
      return cardOf(this.chat, { id: entry.message, user: entry.from ?? null, name: entry.title, at: entry.at, where, text: entry.body, isNew: !entry.read_at, run });
    });
  }

  /** @param {any} entry */
  #go(entry) {
    if (!entry.read_at) this.chat.inbox.read(entry).catch(() => {});
    const seq = Number(entry.link?.match(/[?&]at=(\d+)/u)?.[1]);
    if (entry.room && this.chat.book.get(entry.room)) tell("go-to", { room: entry.room, seq: seq || null });
  }
}

customElements.define("pin-panel", PinPanel);
customElements.define("thread-list", ThreadListPanel);
customElements.define("inbox-panel", InboxPanel);
