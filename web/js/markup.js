/**
 * What a message looks like. A plain text becomes text nodes, links and mentions; links of what the
 * assistant says are for the server alone to make, as it may have made them up. For any other the server says in safe HTML what it looks like, and that is not taken on trust: it is read in a document
 * of its own, where nothing runs or loads, and what is known here is built anew.
 */
import { t } from "/js/i18n.js";
import { piecesOf } from "/js/models/text.js";

/** Tags that are what they are. */
const PLAIN = new Set(["p", "br", "strong", "em", "del", "blockquote", "ul", "ol", "li", "hr", "pre"]);
const SCHEMES = new Set(["http:", "https:", "mailto:"]);
const LANGUAGE = /^language-([A-Za-z0-9+#._-]{1,32})$/u;
const ID = /^m_\d+_\d+$/u;
/** Elements inside one another; the server stops far above. */
const DEPTH = 48;

/**
 * @param {{text: string, html?: string, ai?: any}} message
 * @param {string} username the reader's own
 * @returns {DocumentFragment}
 */
export function contentOf({ text, html, ai }, username) {
  const content = document.createDocumentFragment();
  if (html) {
    const read = new DOMParser().parseFromString(html, "text/html");
    build(read.body, content, { username, isText: false, depth: 0 });
  } else content.append(...(ai ? textOf(text, { username, isText: false }) : piecesOf(text, username).map(nodeOf)));
  if (ai?.cites?.length) cite(content, ai.cites.map((/** @type {{id: string}} */ { id }) => id));
  return content;
}

/**
 * Where an answer names messages, like `[m_1_2]` or `[m_1_2, m_1_3]`, numbers lead there.
 * @param {DocumentFragment} content
 * @param {string[]} ids
 */
function cite(content, ids) {
  const walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
  /** @type {Text[]} */
  const texts = [];
  while (walker.nextNode()) texts.push(/** @type {Text} */ (walker.currentNode));
  for (const node of texts) {
    const pieces = node.data.split(/(\[[^[\]]{1,400}\])/u);
    if (pieces.length > 1) node.replaceWith(...pieces.flatMap((piece) => citations(piece, ids)));
  }
}

/**
 * What a bracket becomes that holds ids of messages and nothing else; an id that is no source stays a text.
 * @param {string} piece @param {string[]} ids
 */
function citations(piece, ids) {
  const named = piece.slice(1, -1).split(/[,;]/u).map((id) => id.trim());
  if (!named.every((id) => ID.test(id)) || !named.some((id) => ids.includes(id))) return [piece];
  return named.map((id) => (ids.includes(id) ? citation(id, ids.indexOf(id) + 1) : `[${id}]`));
}

/** @param {string} id @param {number} place */
function citation(id, place) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "cite", textContent: String(place), ariaLabel: t("ai.cite", { count: place }) });
  Object.assign(button.dataset, { action: "quote", to: id });
  return button;
}

/**
 * @param {Node} from
 * @param {Node & ParentNode} into
 * @param {{username: string, isText: boolean, depth: number}} how `isText`: names mean nobody here
 */
function build(from, into, how) {
  for (const node of from.childNodes) {
    if (node instanceof Text) into.append(...textOf(node.data, how));
    else if (node instanceof Element) buildElement(node, into, how);
  }
}

/** @param {string} text @param {{username: string, isText: boolean}} how */
function textOf(text, { username, isText }) {
  if (isText) return [text];
  return piecesOf(text, username).map((piece) => (piece.type === "mention" ? nodeOf(piece) : piece.text));
}

/**
 * An element that is not known here is only what is in it.
 * @param {Element} from
 * @param {Node & ParentNode} into
 * @param {{username: string, isText: boolean, depth: number}} how
 */
function buildElement(from, into, how) {
  if (how.depth >= DEPTH) return into.append(from.textContent ?? "");
  const [outer, inner = outer] = made(from) ?? [];
  if (outer) into.append(outer);
  const isText = how.isText || outer instanceof HTMLAnchorElement || outer?.localName === "code";
  build(from, inner ?? into, { ...how, isText, depth: how.depth + 1 });
}

/** The element to show, and where what is in it goes. @param {Element} from @returns {HTMLElement[] | null} */
function made(from) {
  const tag = from.localName;
  if (PLAIN.has(tag)) return [document.createElement(tag)];
  if (tag === "a") return linkTo(from.getAttribute("href") ?? "");
  if (tag === "code") return code(from.className);
  if (tag === "span" && from.className === "spoiler") return spoiler();
  return null;
}

/** @param {string} address @returns {HTMLElement[] | null} */
function linkTo(address) {
  if (!URL.canParse(address)) return null;
  const { href, protocol } = new URL(address);
  if (!SCHEMES.has(protocol)) return null;
  const link = document.createElement("a");
  // What it says may be another address: where it leads is told as well.
  Object.assign(link, { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow ugc" });
  return [link];
}

/** @param {string} name */
function code(name) {
  const element = document.createElement("code");
  const language = name.match(LANGUAGE)?.[1];
  if (language) element.dataset.language = language;
  return [element];
}

/** Hidden, also from the keyboard and from screen readers, until it is asked for. */
function spoiler() {
  const [outer, inner] = [document.createElement("span"), document.createElement("span")];
  outer.className = "spoiler";
  Object.assign(outer, { role: "button", tabIndex: 0, ariaLabel: t("message.spoiler") });
  inner.inert = true;
  outer.append(inner);
  const show = () => {
    inner.inert = false;
    for (const name of ["role", "tabindex", "aria-label"]) outer.removeAttribute(name);
    outer.classList.add("is-open");
  };
  outer.addEventListener("click", show, { once: true });
  outer.addEventListener("keydown", (event) => {
    if (!inner.inert || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    show();
  });
  return [outer, inner];
}

/** @param {import("/js/models/text.js").Piece} piece @returns {Node} */
function nodeOf(piece) {
  if (piece.type === "text") return document.createTextNode(piece.text);
  if (piece.type === "link") {
    const [link] = linkTo(piece.text) ?? [document.createElement("span")];
    link.textContent = piece.text;
    return link;
  }
  const mention = document.createElement("span");
  mention.className = piece.me ? "mention is-me" : "mention";
  mention.textContent = piece.text;
  return mention;
}
