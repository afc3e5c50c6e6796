/**
 * The rooms of the reader and how much of each is unread.
 *
 * **Invariant:** `unread = n − read_n`, computed at every look and never counted.
 *
 * @typedef {{room: string, name: string, kind: string, club: string | null, epoch: string, head: number,
 *   n: number, read_n: number, mentions: number}} Room
 */
export class RoomBook {
  /** @type {Map<string, Room>} */ #rooms = new Map();

  /** @param {string} id */
  get(id) {
    return this.#rooms.get(id) ?? null;
  }

  get size() {
    return this.#rooms.size;
  }

  /** Rooms in the order of the list: those of no club first, then club by club, `general` leading. */
  get list() {
    return [...this.#rooms.values()].sort(byPlace);
  }

  /** The clubs that the rooms belong to. @returns {string[]} */
  get clubs() {
    return [...new Set(this.list.flatMap(({ club }) => (club ? [club] : [])))];
  }

  /** Unread messages in all rooms. */
  get unread() {
    return this.list.reduce((sum, room) => sum + unreadOf(room), 0);
  }

  /** What the server said at sign-in replaces what was known. @param {any[]} rooms */
  replace(rooms) {
    this.#rooms = new Map(rooms.map((room) => [idOf(room), normal(room)]));
  }

  /** @param {any} room as in `room.add`, or an item of `GET /v1/rooms` */
  add(room) {
    const known = this.get(idOf(room));
    const next = normal(room);
    if (known) next.n = Math.max(known.n, next.n);
    this.#rooms.set(next.room, next);
  }

  /** @param {string} id */
  remove(id) {
    return this.#rooms.delete(id);
  }

  /** Badge news of a room that is not open. @param {any} event */
  head({ room, head, n, mentions, read_n }) {
    const known = this.get(room);
    if (!known) return;
    known.head = Math.max(known.head, head ?? 0);
    known.n = Math.max(known.n, n ?? 0);
    known.read_n = Math.max(known.read_n, read_n ?? 0);
    known.mentions = mentions ?? known.mentions;
  }

  /**
   * An event of an open room.
   * @param {any} event
   * @param {{mine: boolean, mentionsMe: boolean}} about
   */
  event({ room, seq, n }, { mine, mentionsMe }) {
    const known = this.get(room);
    if (!known) return;
    known.head = Math.max(known.head, seq ?? 0);
    if (!n || n <= known.n) return;
    known.n = n;
    if (mine) this.read({ room, read_n: n, mentions: 0 });
    else if (mentionsMe) known.mentions += 1;
  }

  /** The read mark moved. @param {any} event */
  read({ room, read_n, mentions }) {
    const known = this.get(room);
    if (!known) return;
    known.read_n = Math.max(known.read_n, read_n ?? 0);
    if (unreadOf(known) === 0) known.mentions = 0;
    else if (mentions !== undefined) known.mentions = mentions;
  }
}

/** @param {Room} room */
export function unreadOf(room) {
  return Math.max(0, room.n - room.read_n);
}

/** @param {any} room */
function idOf(room) {
  return room.room ?? room.id;
}

/** @param {any} room @returns {Room} */
function normal(room) {
  return {
    room: idOf(room),
    name: room.name,
    kind: room.kind ?? "member",
    club: room.club ?? room.club_id ?? null,
    epoch: room.epoch,
    head: room.head ?? 0,
    n: room.n ?? 0,
    read_n: room.read_n ?? 0,
    mentions: room.mentions ?? 0,
  };
}

/** @param {Room} a @param {Room} b */
function byPlace(a, b) {
  const club = (a.club ?? "").localeCompare(b.club ?? "");
  const general = Number(b.name === "general") - Number(a.name === "general");
  return club || general || a.name.localeCompare(b.name) || a.room.localeCompare(b.room);
}
