/**
 * The rooms of the reader and how much of each is unread.
 *
 * **Invariant:** `unread = n − read_n`, computed at every look and never counted.
 *
 * @typedef {{room: string, name: string, kind: string, club: string | null, epoch: string, head: number,
 *   n: number, read_n: number, mentions: number, peer: string | null, notify: string, hidden: boolean}} Room
 */
const PLACES = ["lobby", "group", "private"];

const COLLATOR = new Intl.Collator();

export class RoomBook {
  /** @type {Map<string, Room>} */ #rooms = new Map();
  /** The list as it is until a room comes, goes or is called otherwise. @type {Room[] | null} */ #list = null;

  /** @param {string} id */
  get(id) {
    return this.#rooms.get(id) ?? null;
  }

  /** The private room with somebody. @param {string} user */
  withPeer(user) {
    return [...this.#rooms.values()].find(({ peer }) => peer === user) ?? null;
  }

  get size() {
    return this.#rooms.size;
  }

  /** Rooms in the order of the list: those of no club first, then club by club, `general` leading. */
  get list() {
    this.#list ??= [...this.#rooms.values()].filter(({ hidden }) => !hidden).sort(byPlace);
    return this.#list;
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
    this.#list = null;
    this.#rooms = new Map(rooms.map((room) => [idOf(room), normal(room)]));
  }

  /** @param {any} room as in `room.add`, or an item of `GET /v1/rooms` */
  add(room) {
    const known = this.get(idOf(room));
    const next = normal(room);
    if (known) next.n = Math.max(known.n, next.n);
    this.#rooms.set(next.room, next);
    this.#list = null;
  }

  /** @param {string} id */
  remove(id) {
    this.#list = null;
    return this.#rooms.delete(id);
  }

  /** What changed of a room, or of what the reader wants of it. @param {string} id @param {any} news */
  update(id, { name, notify, hidden, horizon_n }) {
    const known = this.get(id);
    if (!known) return;
    this.#list = null;
    Object.assign(known, { name: name ?? known.name, notify: notify ?? known.notify, hidden: hidden ?? known.hidden });
    // What the room has forgotten counts as read.
    if (horizon_n > known.read_n) this.read({ room: id, read_n: Math.min(horizon_n, known.n) });
  }

  /** Badge news of a room that is not open. @param {any} event */
  head({ room, head, n, mentions, read_n }) {
    const known = this.get(room);
    if (!known) return;
    // A room that was put away comes back with its next message.
    if (n > known.n) this.#show(known);
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
    this.#show(known);
    if (mine) this.read({ room, read_n: n, mentions: 0 });
    else if (mentionsMe) known.mentions += 1;
  }

  /** @param {Room} room */
  #show(room) {
    if (!room.hidden) return;
    room.hidden = false;
    this.#list = null;
  }

  /** The read mark moved, also back: what was told last holds. @param {any} event */
  read({ room, read_n, mentions }) {
    const known = this.get(room);
    if (!known) return;
    known.read_n = read_n ?? known.read_n;
    if (unreadOf(known) === 0) known.mentions = 0;
    else if (mentions !== undefined) known.mentions = mentions;
  }
}

/** @param {Room} room */
export function unreadOf(room) {
  return Math.max(0, room.n - room.read_n);
}

/** Whether new messages of a room are worth a number, or only a hint. @param {Room} room */
export function isMuted({ notify }) {
  return notify === "none";
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
    peer: room.peer ?? room.peer_id ?? null,
    notify: room.notify ?? "mentions",
    hidden: room.hidden ?? false,
  };
}

/** @param {Room} a @param {Room} b */
function byPlace(a, b) {
  const club = COLLATOR.compare(a.club ?? "", b.club ?? "");
  const kind = a.club ? 0 : PLACES.indexOf(a.kind) - PLACES.indexOf(b.kind);
  const general = Number(b.name === "general") - Number(a.name === "general");
  return club || kind || general || COLLATOR.compare(a.name, b.name) || COLLATOR.compare(a.room, b.room);
}
