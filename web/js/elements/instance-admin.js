import { part } from "/js/dom.js";
import { t } from "/js/i18n.js";
import { AdminDialog } from "/js/elements/admin-dialog.js";
import { actEntry, decide, reportEntry } from "/js/elements/admin-entries.js";

/** What admins of the instance see: reports from rooms of no club, and what admins did. */
class InstanceAdmin extends AdminDialog {
  tabs = ["reports", "audit"];
  at = "/admin";

  connectedCallback() {
    if (this.isBuilt) return;
    this.build("instance-admin", "instance-admin");
    this.on(part(this, "decided"), "change", () => this.open("reports"));
  }

  show() {
    part(this, "decided").checked = false;
    this.begin(t("office.title"), "reports");
  }

  get path() {
    return this.tab === "reports" ? `/reports?status=${this.#status}` : "/audit";
  }

  get #status() {
    return part(this, "decided").checked ? "decided" : "open";
  }

  turned() {
    part(this, "decided-box").hidden = this.tab !== "reports";
  }

  /** @param {any[]} items @param {string | null} next */
  listed(items, next) {
    if (this.tab === "reports" && this.#status === "open") this.chat.office.learn(items.length, next !== null);
  }

  /** @param {any} item */
  draw(item) {
    const { chat, api } = this;
    if (this.tab === "audit") return actEntry(chat, item);
    return reportEntry(chat, api, item, { leave: () => this.dialog.close(), decide: () => void decide(api, this.at, item, () => this.open("reports")) });
  }
}

customElements.define("instance-admin", InstanceAdmin);
