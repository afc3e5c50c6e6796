import { paintAvatar } from "/js/avatar.js";
import { part, setText, stamp } from "/js/dom.js";
import { day, t, time } from "/js/i18n.js";

const BEFORE = 40;
const LENGTH = 220;

/**
 * A message in a list that one finds it by: what it says in short, where and when.
 * @param {import("/js/models/chat.js").Chat} chat
 * @param {{user: string | null, at: number, where?: string, text: string, marks?: [number, number][], count?: number, isNew?: boolean,
 *   name?: string, id?: string | null, run: () => void}} about `id` of the message, which is folded where its author is blocked
 * @returns {HTMLElement}
 */
export function cardOf(chat, { user, at, where = "", text, marks = [], count = 0, isNew = false, name, id = null, run }) {
  const isFolded = chat.folds.hides({ id, by: id && user });
  const card = /** @type {HTMLElement} */ (stamp("message-card").firstElementChild);
  const button = part(card, "go");
  const who = name ?? (user ? chat.people.name(user) || t("someone") : "");
  part(card, "avatar").hidden = !user;
  if (user && !isFolded) paintAvatar(part(card, "avatar"), user, who || "·");
  setText(part(card, "name"), isFolded ? "" : who);
  // Of a private room the name of the other one says where.
  setText(part(card, "where"), who.includes(where) ? "" : where);
  setText(part(card, "time"), `${day(at)} ${time(at)}`);
  part(card, "text").replaceChildren(...(isFolded ? [t("fold.text")] : marked(text, marks)));
  part(card, "unfold").hidden = !isFolded;
  part(card, "unfold").addEventListener("click", () => chat.folds.show({ id, by: user }));
  part(card, "count").hidden = count === 0;
  setText(part(card, "count"), String(count));
  card.classList.toggle("is-new", isNew);
  card.classList.toggle("is-folded", isFolded);
  button.addEventListener("click", run);
  return card;
}

/** The text around its first mark. Marks count in characters. @param {string} text @param {[number, number][]} marks @returns {(string | Node)[]} */
function marked(text, marks) {
  const all = [...text];
  const from = Math.max(0, (marks[0]?.[0] ?? 0) - BEFORE);
  const upto = Math.min(all.length, from + LENGTH);
  /** @type {(string | Node)[]} */
  const pieces = [from > 0 ? "…" : ""];
  let at = from;
  for (const [start, length] of marks) {
    if (start < at || start >= upto) continue;
    const mark = document.createElement("mark");
    mark.textContent = all.slice(start, start + length).join("");
    pieces.push(all.slice(at, start).join(""), mark);
    at = start + length;
  }
  pieces.push(all.slice(at, Math.max(at, upto)).join(""), upto < all.length ? "…" : "");
  return pieces;
}
