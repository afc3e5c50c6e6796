import { part, setText } from "/js/dom.js";
import { t, tProblem, tWrong } from "/js/i18n.js";

/**
 * Says what is wrong: what does not fit in a field at that field, the rest above.
 * @param {HTMLElement} root of the form, with a part `problem`
 * @param {any} problem null takes back what was said
 * @param {Record<string, string>} [words] what to say of a field, where that is always the same
 */
export function sayProblem(root, problem, words = {}) {
  for (const input of root.querySelectorAll('.field [aria-invalid="true"]')) mark(input, null);
  /** @type {HTMLElement | null} */ let first = null;
  const rest = problem?.errors?.length ? [] : [problem];
  for (const error of problem?.errors ?? []) {
    const name = CSS.escape(error.field ?? "");
    /** @type {HTMLElement | null} */
    const input = root.querySelector(`.field :is([name="${name}"], [name="may-${name}"])`);
    if (input) mark(input, words[error.field] ?? tWrong(error));
    else rest.push(error);
    first ??= input;
  }
  const isSaid = !problem || rest.length === 0;
  const place = part(root, "problem");
  place.hidden = isSaid;
  setText(place, isSaid ? "" : (problem.told ?? tProblem(problem)));
  const box = first?.closest("details");
  if (box) box.open = true;
  if (first) first.focus();
  else if (!isSaid) place.scrollIntoView({ block: "nearest" });
}

/** @param {Element} input @param {string | null} wrong */
function mark(input, wrong) {
  input.setAttribute("aria-invalid", String(wrong !== null));
  const field = /** @type {HTMLElement} */ (input.closest(".field"));
  const help = /** @type {HTMLElement} */ (field.querySelector(".help") ?? newHelp(input, field));
  help.dataset.usual ??= help.textContent ?? "";
  help.classList.toggle("wrong", wrong !== null);
  // The language may be another one by now.
  setText(help, wrong ?? (help.dataset.t ? t(help.dataset.t) : help.dataset.usual));
}

/** @param {Element} input @param {HTMLElement} field */
function newHelp(input, field) {
  const help = document.createElement("span");
  Object.assign(help, { className: "help", id: `${input.id}-help` });
  input.setAttribute("aria-describedby", help.id);
  field.append(help);
  return help;
}
