import { part } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { AdminDialog } from "/js/elements/admin-dialog.js";
import { actEntry, decide, reportEntry } from "/js/elements/admin-entries.js";
import { filterEntry } from "/js/elements/filter-form.js";

/** What admins of the instance see and do: reports from rooms of no club, rules for texts in the lobbies, what admins did. */
class InstanceAdmin extends AdminDialog {
  tabs = ["reports", "filters", "audit"];
  at = "/admin";

  connectedCallback() {
    if (this.isBuilt) return;
    this.build("instance-admin", "instance-admin");
    part(this, "filter-form").admin = this;
    this.on(part(this, "decided"), "change", () => this.open("reports"));
  }

  /** @param {string | null} tab */
  show(tab) {
    part(this, "decided").checked = false;
    this.begin(t("office.title"), tab ?? "reports");
  }

  get path() {
    return this.tab === "reports" ? `/reports?status=${this.#status}` : `/${this.tab}`;
  }

  get #status() {
    return part(this, "decided").checked ? "decided" : "open";
  }

  turned() {
    part(this, "decided-box").hidden = this.tab !== "reports";
    for (const name of ["filter-form", "lobbies"]) part(this, name).hidden = this.tab !== "filters";
  }

  /** @param {any[]} items @param {string | null} next */
  listed(items, next) {
    if (this.tab === "reports" && this.#status === "open") this.chat.office.learn(items.length, next !== null);
  }

  /** @param {any} item */
  draw(item) {
    const { chat, api } = this;
    if (this.tab === "audit") return actEntry(chat, item);
    if (this.tab === "filters") return filterEntry(this, item);
    return reportEntry(chat, api, item, { leave: () => this.dialog.close(), decide: () => void decide(api, this.at, item, () => this.open("reports")) });
  }
}

customElements.define("instance-admin", InstanceAdmin);
