/** The little that elements share: templates, parts, and listeners that go when the element goes. */
import { translate } from "/js/i18n.js";

/**
 * A translated copy of a `<template>`.
 * @param {string} id
 * @returns {DocumentFragment}
 */
export function stamp(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const copy = document.importNode(template.content, true);
  translate(copy);
  return copy;
}

/**
 * The piece of a template marked `data-part`.
 * @param {ParentNode} root
 * @param {string} name
 * @returns {any}
 */
export function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

/** Sets the text only when it differs, so that a screen reader is not told twice. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export class LiveElement extends HTMLElement {
  #life = new AbortController();

  /** Whether the template is in place: an element may be moved and connected again. */
  get isBuilt() {
    return this.childElementCount > 0;
  }

  /**
   * Listens until the element leaves the page.
   * @param {EventTarget} target
   * @param {string} types separated by blanks
   * @param {(event: any) => void} handle
   */
  on(target, types, handle) {
    for (const type of types.split(" ")) target.addEventListener(type, handle, { signal: this.#life.signal });
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#life = new AbortController();
  }
}
