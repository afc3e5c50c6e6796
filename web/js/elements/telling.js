/** Telling the page at large, and telling a person what went wrong. */
import { tProblem } from "/js/i18n.js";
import { toast } from "/js/elements/toast-stack.js";

/** Tells the document; who it concerns listens there. @param {string} type @param {any} detail */
export function tell(type, detail) {
  document.dispatchEvent(new CustomEvent(type, { detail }));
}

/** @param {Promise<any> | undefined} work what goes wrong with it is said @returns {Promise<boolean>} whether it was done */
export function tried(work) {
  return Promise.resolve(work).then(
    () => true,
    (problem) => (toast(tProblem(problem), "bad"), false),
  );
}
