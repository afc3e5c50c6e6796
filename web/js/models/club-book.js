/** The clubs of the reader's rooms, each asked for when a room of it comes. */
export class ClubBook extends Map {
  #fetch;
  #tell;

  /** @param {(id: string) => Promise<any>} fetch @param {() => void} tell that one is known by now */
  constructor(fetch, tell) {
    super();
    this.#fetch = fetch;
    this.#tell = tell;
  }

  /** What the reader is in a club. @param {string | null} club @returns {string | null} */
  roleIn(club) {
    const my = club ? this.get(club)?.my : null;
    return my?.status === "active" ? my.role : null;
  }

  /** @param {any} club as a call answered it */
  learn(club) {
    this.set(club.id, club);
    this.#tell();
  }

  /** @param {string[]} ids */
  want(ids) {
    for (const id of ids) {
      if (this.has(id)) continue;
      this.set(id, { id, name: "" });
      this.#fetch(id).then(
        (club) => this.learn(club),
        () => this.delete(id),
      );
    }
  }
}
