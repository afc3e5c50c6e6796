import { setText } from "/js/dom.js";
import { hueOf, initialsOf } from "/js/models/face.js";

/**
 * Initials on the colour that belongs to an id.
 * @param {HTMLElement} element
 * @param {string} id
 * @param {string} name
 */
export function paintAvatar(element, id, name) {
  element.style.setProperty("--hue", String(hueOf(id)));
  setText(element, initialsOf(name));
}
