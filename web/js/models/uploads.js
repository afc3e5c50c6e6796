/**
 * Files on their way into a room, before the message that brings them. Told as `change`.
 *
 * @typedef {{key: number, name: string, size: number, state: "sending" | "ready" | "failed",
 *   file: any, problem: any, begin: () => void}} Upload
 */
export const MOST_FILES = 10;
/** So many go at a time; the server takes four of one user. */
const AT_ONCE = 3;

/** Films, and pictures that the server does not look into. Browsers know some of them by their names alone. */
const TELLING = /^(video\/|image\/(hei[cf]|avif|tiff|jxl|x-|vnd\.))/u;
const TELLING_NAME = /\.(hei[cf]s?|hif|avifs?|tiff?|jxl|dng|cr[23w]|nef|arw|orf|raf|rw2|mov|mp4|m4v|3gp)$/iu;

/**
 * Whether a file keeps what a camera has written into it, such as the place: the server frees others of that.
 * @param {{name: string, type?: string}} file
 */
export function keepsPlace({ name, type = "" }) {
  return TELLING.test(type) || TELLING_NAME.test(name);
}

export class Uploads extends EventTarget {
  #send;
  #next = 1;
  #underWay = 0;
  /** @type {(() => void)[]} */ #waiting = [];
  /** @type {Map<string, Upload[]>} */ #byRoom = new Map();

  /** @param {(room: string, file: {name: string, size: number}) => Promise<any>} send gives what the server made of it */
  constructor(send) {
    super();
    this.#send = send;
  }

  /** @param {string | null} room @returns {readonly Upload[]} */
  of(room) {
    return (room && this.#byRoom.get(room)) || [];
  }

  /** Whether what is here can go out: nothing is on its way, and something is there. @param {string | null} room */
  areReady(room) {
    const uploads = this.of(room);
    return uploads.length > 0 && uploads.every(({ state }) => state === "ready");
  }

  /** Begins to send files; those over the limit are left out. @param {string} room @param {Iterable<any>} files */
  add(room, files) {
    for (const file of files) {
      const uploads = this.#byRoom.get(room) ?? [];
      if (uploads.length >= MOST_FILES) return;
      /** @type {Upload} */
      const upload = { key: this.#next++, name: file.name, size: file.size, state: "sending", file: null, problem: null, begin: () => {} };
      upload.begin = () => this.#begin(room, file, upload);
      this.#byRoom.set(room, [...uploads, upload]);
      this.#waiting.push(upload.begin);
    }
    this.#pump();
    this.#changed();
  }

  /** Sends what failed once more. @param {(upload: Upload) => boolean} which */
  again(which) {
    for (const upload of [...this.#byRoom.values()].flat()) {
      if (upload.state !== "failed" || !which(upload)) continue;
      Object.assign(upload, { state: "sending", problem: null });
      this.#waiting.push(upload.begin);
    }
    this.#pump();
    this.#changed();
  }

  /** @param {string} room @param {number} key */
  drop(room, key) {
    this.#byRoom.set(
      room,
      this.of(room).filter((upload) => upload.key !== key),
    );
    this.#changed();
  }

  /** The files for a message; from here on they are its own. @param {string | null} room @returns {any[]} */
  take(room) {
    if (!room || !this.areReady(room)) return [];
    const files = this.of(room).map(({ file }) => file);
    this.#byRoom.delete(room);
    this.#changed();
    return files;
  }

  #pump() {
    while (this.#underWay < AT_ONCE) {
      const begin = this.#waiting.shift();
      if (!begin) return;
      this.#underWay += 1;
      begin();
    }
  }

  /** @param {string} room @param {any} file @param {Upload} upload */
  #begin(room, file, upload) {
    this.#send(room, file).then(
      (made) => this.#end(upload, { state: "ready", file: made }),
      (problem) => this.#end(upload, { state: "failed", problem }),
    );
  }

  /** @param {Upload} upload @param {Partial<Upload>} end */
  #end(upload, end) {
    Object.assign(upload, end);
    this.#underWay -= 1;
    this.#pump();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
