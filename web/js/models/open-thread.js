/** A thread that is open beside the conversation: the message that began it, and what was answered. */
import { change, messageOf } from "./reducer.js";

export class OpenThread {
  /** @param {{root: string, about: any, said: import("./lookup.js").Lookup}} parts `about`: the message that began it, if it is here */
  constructor({ root, about, said }) {
    this.root = root;
    this.about = about;
    this.said = said;
  }

  /** @param {() => Promise<any>} fetch asks for the message that began it */
  async load(fetch) {
    const [, about] = await Promise.all([this.said.newest(), this.about ? null : fetch()]);
    if (about) this.about = messageOf(about);
  }

  /** An event of the room. @param {any} event @param {import("./passage.js").Passage} timeline */
  take(event, timeline) {
    this.said.take(event);
    const { about } = this;
    // The message that began it may lie far back, where nobody else hears of it.
    if (about && timeline.message(about.id) !== about) change(event, { find: (id) => (id === about.id ? about : null), me: timeline.me });
  }
}
