import { part, setText } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { AdminDialog } from "/js/elements/admin-dialog.js";
import { actEntry, banEntry, decide, muteEntry, reportEntry } from "/js/elements/admin-entries.js";
import { fieldOf } from "/js/elements/ask-dialog.js";
import { filterEntry } from "/js/elements/filter-form.js";
import { toast } from "/js/elements/toast-stack.js";

/** What managers of a club see and do: reports, rules for texts, who is muted or stays out, what was done, what the club says of itself and of the assistant. */
class ClubAdmin extends AdminDialog {
  tabs = ["reports", "filters", "mutes", "bans", "audit", "about", "ai"];
  #club = "";

  /* Lifecycle */

  connectedCallback() {
    if (this.isBuilt) return;
    this.build("club-admin", "club-admin");
    part(this, "ai").api = this.api;
    part(this, "filter-form").admin = this;
    this.on(part(this, "decided"), "change", () => this.open("reports"));
    this.on(part(this, "about-form"), "submit", (event) => (event.preventDefault(), this.#save()));
  }

  /* Actions */

  /** @param {string | {club: string, tab: string}} wish */
  show(wish) {
    const { club, tab } = typeof wish === "string" ? { club: wish, tab: "reports" } : wish;
    this.#club = club;
    this.at = `/clubs/${encodeURIComponent(club)}`;
    part(this, "tab-about").hidden = this.chat.roleIn(club) !== "owner";
    this.begin(t("club.admin.title", { club: this.chat.clubs.get(club)?.name ?? "" }), tab);
  }

  /** @returns {string | null} */
  get path() {
    if (["about", "ai"].includes(this.tab)) return null;
    return this.tab === "reports" ? `/reports?status=${part(this, "decided").checked ? "decided" : "open"}` : `/${this.tab}`;
  }

  turned() {
    for (const [name, tab] of [["decided-box", "reports"], ["filter-form", "filters"], ["about-form", "about"], ["ai", "ai"]]) part(this, name).hidden = tab !== this.tab;
    if (this.tab === "about") this.#renderAbout();
    if (this.tab === "ai") part(this, "ai").show(this.#club);
  }

  async #save() {
    const { elements } = part(this, "about-form");
    const wish = {
      name: elements.name.value.trim(),
      greeting: elements.greeting.value.trim() || null,
      description: elements.description.value.trim() || null,
      seen_by: elements.seen_by.checked,
    };
    await this.try(async () => {
      this.chat.learnClub(await this.api.send("PATCH", this.at, wish));
      toast(t("saved"));
    });
  }

  /* Rendering */

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

  /** @param {any} item */
  draw(item) {
    const { chat, api } = this;
    const id = encodeURIComponent(item.user?.id ?? item.id ?? "");
    switch (this.tab) {
      case "reports":
        return reportEntry(chat, api, item, { leave: () => this.dialog.close(), decide: () => void decide(api, this.at, item, () => this.open("reports")) });
      case "filters":
        return filterEntry(this, item);
      case "mutes":
        return muteEntry(chat, item, () => void this.change("DELETE", `/members/${id}/mute`));
      case "bans":
        return banEntry(chat, item, () => void this.change("DELETE", `/bans/${id}`));
      default:
        return actEntry(chat, item);
    }
  }
}

customElements.define("club-admin", ClubAdmin);
