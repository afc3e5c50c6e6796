/**
 * Start of the page. Three layers, arrows only downwards: `elements/` (what is seen),
 * `models/` (what is known, no DOM), `socket.js` and `api.js` (how it comes here).
 * What also runs under `node --test` imports by relative path, the rest by absolute path.
 */
import "/js/elements.js";
import { begin } from "/js/i18n.js";

begin();
document.querySelector(".skip-link")?.addEventListener("click", (event) => {
  // Not by the address: it names the room.
  event.preventDefault();
  /** @type {HTMLElement | null} */ (document.getElementById("composer") ?? document.querySelector("main"))?.focus();
});
