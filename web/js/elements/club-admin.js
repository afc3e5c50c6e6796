import { paintAvatar } from "/js/avatar.js";
import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { day, has, moment, t, time } from "/js/i18n.js";
import { ask, fieldOf } from "/js/elements/ask-dialog.js";
import { detailText } from "/js/elements/audit-words.js";
import { sayProblem } from "/js/elements/form-problem.js";
import { tell } from "/js/elements/telling.js";
import { spanOptions } from "/js/elements/person-card.js";
import { toast } from "/js/elements/toast-stack.js";

const TABS = ["reports", "filters", "bans", "audit", "about", "ai"];

/** What managers of a club see and do: reports, rules for texts, who stays out, what was done, what the club says of itself and of the assistant. */
class ClubAdmin extends LiveElement {
  /** @type {import("/js/models/chat.js").Chat} */ chat = /** @type {any} */ (null);
  /** @type {any} */ api;
  #club = "";
  #tab = "reports";
  /** @type {any[]} */ #items = [];
  /** @type {string | null} */ #next = null;
  #turn = 0;

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    const copy = stamp("club-admin");
    part(copy, "ai").api = this.api;
    this.append(copy);
    const dialog = this.#dialog;
    this.on(part(this, "close"), "click", () => dialog.close());
    this.on(dialog, "click", ({ target }) => target === dialog && dialog.close());
    for (const tab of TABS) this.on(part(this, `tab-${tab}`), "click", () => this.#open(tab));
    this.on(part(this, "tabs"), "keydown", (event) => this.#tabKey(event));
    this.on(part(this, "decided"), "change", () => this.#open("reports"));
    this.on(part(this, "more"), "click", () => this.#load());
    this.on(part(this, "filter-form"), "submit", (event) => (event.preventDefault(), this.#addFilter()));
    this.on(part(this, "try"), "click", () => this.#tryFilters());
    this.on(part(this, "about-form"), "submit", (event) => (event.preventDefault(), this.#save()));
    this.on(this.chat, "people", () => this.#dialog.open && this.#render());
    this.on(document, "club-admin", ({ detail }) => this.#show(detail));
  }

  /** @returns {HTMLDialogElement} */
  get #dialog() {
    return part(this, "dialog");
  }

  get #at() {
    return `/clubs/${encodeURIComponent(this.#club)}`;
  }

  /* Actions */

  /** @param {string | {club: string, tab: string}} wish */
  #show(wish) {
    const { club, tab } = typeof wish === "string" ? { club: wish, tab: "reports" } : wish;
    this.#club = club;
    setText(part(this, "title"), t("club.admin.title", { club: this.chat.clubs.get(club)?.name ?? "" }));
    part(this, "tab-about").hidden = this.chat.roleIn(club) !== "owner";
    this.#dialog.showModal();
    this.#open(tab);
  }

  /** @param {KeyboardEvent} event */
  #tabKey({ key, target }) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const shown = TABS.filter((tab) => !part(this, `tab-${tab}`).hidden);
    const at = shown.findIndex((tab) => target === part(this, `tab-${tab}`));
    if (!step || at < 0) return;
    const next = shown.at((at + step) % shown.length) ?? "reports";
    this.#open(next);
    part(this, `tab-${next}`).focus();
  }

  /** @param {string} tab */
  #open(tab) {
    this.#tab = tab;
    this.#items = [];
    this.#next = null;
    sayProblem(this, null);
    for (const name of TABS) {
      part(this, `tab-${name}`).setAttribute("aria-selected", String(name === tab));
      part(this, `tab-${name}`).tabIndex = name === tab ? 0 : -1;
    }
    part(this, "panel").setAttribute("aria-labelledby", `tab-admin-${tab}`);
    part(this, "decided-box").hidden = tab !== "reports";
    part(this, "filter-form").hidden = tab !== "filters";
    part(this, "about-form").hidden = tab !== "about";
    part(this, "ai").hidden = tab !== "ai";
    part(this, "list").replaceChildren();
    setText(part(this, "none"), "");
    part(this, "more").hidden = true;
    if (tab === "about") this.#renderAbout();
    else if (tab === "ai") part(this, "ai").show(this.#club);
    else this.#load();
  }

  async #load() {
    const turn = ++this.#turn;
    const status = part(this, "decided").checked ? "decided" : "open";
    const query = new URLSearchParams({ ...(this.#tab === "reports" && { status }), ...(this.#next && { cursor: this.#next }) });
    await this.#try(async () => {
      const { items, next } = await this.api.get(`${this.#at}/${this.#tab}?${query}`);
      if (turn !== this.#turn) return;
      this.#items.push(...items);
      this.#next = next ?? null;
      this.#render();
    });
  }

  /** @param {any} report */
  #decide(report) {
    const actions = ["dismiss", "delete", "mute", "kick", "ban"];
    return ask({
      title: t("reports.decide"),
      text: report.text ?? "",
      fields: [
        { name: "action", label: t("reports.action"), kind: "choice", options: actions.map((action) => [action, t(`reports.act.${action}`)]) },
        { name: "seconds", label: t("reports.for"), kind: "choice", value: "86400", options: /** @type {any} */ ([...spanOptions(["hour", "day", "week"]), ["", t("span.ever")]]), help: t("reports.for.hint") },
        { name: "reason", label: t("person.reason"), most: 255 },
      ],
      action: t("reports.decide"),
      run: async ({ action, seconds, reason }) => {
        const isTimed = action === "mute" || (action === "ban" && seconds);
        const wish = { action, reason: reason || undefined, seconds: isTimed ? Number(seconds || 604_800) : undefined };
        await this.api.send("POST", `${this.#at}/reports/${encodeURIComponent(report.id)}/decide`, wish);
        this.#open("reports");
      },
    });
  }

  async #addFilter() {
    const { pattern, kind, action } = part(this, "filter-form").elements;
    if (!pattern.value.trim()) return pattern.focus();
    await this.#try(async () => {
      await this.api.send("POST", `${this.#at}/filters`, { pattern: pattern.value.trim(), kind: kind.value, action: action.value });
      pattern.value = "";
      this.#open("filters");
      pattern.focus();
    });
  }

  async #tryFilters() {
    const { pattern } = part(this, "filter-form").elements;
    await ask({
      title: t("filters.try.title"),
      fields: [{ name: "text", label: t("filters.try.text"), kind: "long", value: pattern.value, most: 4000, isNeeded: true }],
      action: t("filters.try"),
      run: async ({ text }) => {
        const { action, text: left } = await this.api.send("POST", `${this.#at}/filters/test`, { text });
        toast(action ? t(`filters.would.${action}`, { text: left ?? "" }) : t("filters.would.pass"));
      },
    });
  }

  async #save() {
    const { elements } = part(this, "about-form");
    const wish = {
      name: elements.name.value.trim(),
      greeting: elements.greeting.value.trim() || null,
      description: elements.description.value.trim() || null,
      seen_by: elements.seen_by.checked,
    };
    await this.#try(async () => {
      this.chat.learnClub(await this.api.send("PATCH", this.#at, wish));
      toast(t("saved"));
    });
  }

  /** @param {() => Promise<void>} work */
  async #try(work) {
    try {
      sayProblem(this, null);
      await work();
    } catch (problem) {
      sayProblem(this, problem);
    }
  }

  /** Does something to one entry and looks again. @param {string} method @param {string} path */
  #change(method, path) {
    return this.#try(async () => {
      await this.api.send(method, `${this.#at}${path}`);
      this.#open(this.#tab);
    });
  }

  /* Rendering */

  #render() {
    if (["about", "ai"].includes(this.#tab)) return;
    /** @type {Record<string, (item: any) => HTMLElement>} */
    const draw = {
      reports: (item) => this.#report(item),
      filters: (item) => this.#filter(item),
      bans: (item) => this.#ban(item),
      audit: (item) => this.#act(item),
    };
    part(this, "list").replaceChildren(...this.#items.map(draw[this.#tab]));
    setText(part(this, "none"), this.#items.length ? "" : t(`${this.#tab}.none`));
    part(this, "more").hidden = this.#next === null;
  }

  #renderAbout() {
    const { name, greeting, description, seen_by } = this.chat.clubs.get(this.#club) ?? {};
    part(this, "about-fields").replaceChildren(
      ...[
        { name: "name", label: t("club.name"), value: name ?? "", most: 40, isNeeded: true },
        { name: "greeting", label: t("club.greeting"), value: greeting ?? "", most: 100 },
        { name: "description", label: t("club.description"), kind: /** @type {const} */ ("long"), value: description ?? "", most: 1000 },
        { name: "seen_by", label: t("club.seen_by"), kind: /** @type {const} */ ("check"), value: Boolean(seen_by) },
      ].map(fieldOf),
    );
  }

  /** @param {string | null} user */
  #name(user) {
    return user ? this.chat.people.name(user) || t("someone") : "";
  }

  /** @param {{user?: string | null, title: string, text: string, quote?: string, buttons?: [string, () => void][]}} about */
  #entry({ user, title, text, quote = "", buttons = [] }) {
    const item = /** @type {HTMLElement} */ (stamp("admin-item").firstElementChild);
    part(item, "avatar").hidden = !user;
    if (user) paintAvatar(part(item, "avatar"), user, this.#name(user));
    setText(part(item, "title"), title);
    setText(part(item, "text"), text);
    setText(part(item, "quote"), quote);
    for (const [label, run] of buttons) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "button small", textContent: label });
      button.addEventListener("click", run);
      part(item, "buttons").append(button);
    }
    return item;
  }

  /** @param {any} report */
  #report(report) {
    const by = report.by ? this.#name(report.by) : t("reports.rule");
    const room = this.chat.book.get(report.room)?.name ?? "";
    const why = has(`report.${report.reason}`) ? t(`report.${report.reason}`) : report.reason;
    const end = report.settlement ? t(`reports.act.${report.settlement}`) : "";
    const facts = [why, room, t("reports.by", { name: by }), when(report.at), end && `${end} (${this.#name(report.decided_by)})`];
    const go = () => (this.#dialog.close(), tell("go-to", { room: report.room, seq: Number(report.message.split("_").at(-1)) }));
    /** @type {[string, () => void][]} */
    const buttons = [[t("reports.go"), go]];
    if (report.status === "open") buttons.push([t("reports.decide"), () => void this.#decide(report)]);
    return this.#entry({ user: report.author, title: this.#name(report.author), text: facts.filter(Boolean).join(" · "), quote: [report.text, report.note && `“${report.note}”`].filter(Boolean).join("\n"), buttons });
  }

  /** @param {any} rule */
  #filter(rule) {
    const text = `${t(`filters.kind.${rule.kind}`)} · ${t(`filters.action.${rule.action}`)}`;
    return this.#entry({ title: rule.pattern, text, buttons: [[t("filters.remove"), () => void this.#change("DELETE", `/filters/${encodeURIComponent(rule.id)}`)]] });
  }

  /** @param {any} ban */
  #ban({ user, banned_at, until }) {
    this.chat.people.learn([user]);
    const text = `${when(banned_at)} · ${until ? t("bans.until", { until: moment(until) }) : t("span.ever")}`;
    return this.#entry({ user: user.id, title: user.display_name || user.username, text, buttons: [[t("bans.lift"), () => void this.#change("DELETE", `/bans/${encodeURIComponent(user.id)}`)]] });
  }

  /** @param {any} act */
  #act({ by, action, user, room, until, reason, detail, at }) {
    const what = has(`audit.${action}`) ? t(`audit.${action}`) : action;
    const whom = [this.#name(user), this.chat.book.get(room)?.name].filter(Boolean).join(", ");
    const more = [when(at), until && t("bans.until", { until: moment(until) }), reason, detailText(action, detail ?? "")];
    return this.#entry({ user: by, title: `${this.#name(by)}: ${what}${whom ? ` (${whom})` : ""}`, text: more.filter(Boolean).join(" · ") });
  }
}

/** @param {number} at */
function when(at) {
  return `${day(at)} ${time(at)}`;
}

customElements.define("club-admin", ClubAdmin);
