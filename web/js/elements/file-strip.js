import { LiveElement, part, setText, stamp } from "/js/dom.js";
import { bytes } from "/js/i18n.js";
import { isLink } from "/js/models/text.js";

/** What the server says a browser may draw. */
const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
/** What opens beside the page; everything else is saved. */
const SHOWN = /^(image\/(png|jpeg|webp|gif)|video\/|audio\/|text\/plain)/u;
const SIDE = 320;

/** The files of a message, and what is behind its links. Nothing of it is fetched from elsewhere. */
class FileStrip extends LiveElement {
  #shown = "";

  /**
   * @param {{files: any[], previews: any[]}} message
   * @param {import("/js/models/file-keys.js").FileKeys} keys
   */
  show({ files, previews }, keys) {
    const shown = JSON.stringify([files, previews]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.hidden = files.length + previews.length === 0;
    const links = previews.filter(({ url }) => isLink(url));
    this.replaceChildren(...files.map((file) => this.#file(file, keys)), ...links.map(card));
  }

  /* Rendering */

  /** @param {any} file @param {import("/js/models/file-keys.js").FileKeys} keys */
  #file(file, keys) {
    const isPicture = PICTURES.includes(file.mime) && file.width && file.height;
    const link = /** @type {HTMLAnchorElement} */ (stamp(isPicture ? "file-picture" : "file-chip").firstElementChild);
    link.href = file.url;
    link.title = file.name;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      void open(file, keys);
    });
    if (isPicture) draw(part(link, "picture"), file, keys);
    else {
      setText(part(link, "name"), file.name);
      setText(part(link, "size"), bytes(file.size));
    }
    return link;
  }
}

/** @param {any} file @param {import("/js/models/file-keys.js").FileKeys} keys */
async function open(file, keys) {
  const address = `${file.url}?key=${await keys.key(file.id)}`;
  if (SHOWN.test(file.mime)) window.open(address, "_blank", "noopener");
  else location.assign(address);
}

/** @param {HTMLImageElement} image @param {any} file @param {import("/js/models/file-keys.js").FileKeys} keys */
function draw(image, file, keys) {
  // Its place is kept before it is there, so that nothing jumps.
  const scale = Math.min(1, SIDE / file.width, SIDE / file.height);
  image.width = Math.max(1, Math.round(file.width * scale));
  image.height = Math.max(1, Math.round(file.height * scale));
  image.style.aspectRatio = `${image.width} / ${image.height}`;
  image.alt = file.name;
  let tries = 2;
  const load = async () => {
    const key = await keys.key(file.id).catch(() => null);
    if (key) image.src = `${file.preview_url ?? file.url}?key=${key}`;
  };
  // A key may have run out while the page slept.
  image.addEventListener("error", () => {
    keys.forget(file.id);
    if (--tries > 0) void load();
  });
  void load();
}

/** @param {any} preview all of it was written by strangers */
function card(preview) {
  const link = /** @type {HTMLAnchorElement} */ (stamp("link-card").firstElementChild);
  link.href = preview.url;
  setText(part(link, "site"), preview.site ?? new URL(preview.url).hostname);
  setText(part(link, "title"), preview.title);
  setText(part(link, "description"), preview.description ?? "");
  part(link, "description").hidden = !preview.description;
  return link;
}

customElements.define("file-strip", FileStrip);
