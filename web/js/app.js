/**
 * Start of the page. Three layers, arrows only downwards: `elements/` (what is seen),
 * `models/` (what is known, no DOM), `socket.js` and `api.js` (how it comes here).
 * What also runs under `node --test` imports by relative path, the rest by absolute path.
 */
import "/js/elements/toast-stack.js";
import "/js/elements/language-switch.js";
import "/js/elements/status-pill.js";
import "/js/elements/sign-in.js";
import "/js/elements/account-menu.js";
import "/js/elements/room-list.js";
import "/js/elements/file-strip.js";
import "/js/elements/message-row.js";
import "/js/elements/message-timeline.js";
import "/js/elements/upload-tray.js";
import "/js/elements/message-composer.js";
import "/js/elements/typing-line.js";
import "/js/elements/member-panel.js";
import "/js/elements/chat-room.js";
import "/js/elements/club-dialog.js";
import "/js/elements/room-dialog.js";
import "/js/elements/chat-view.js";
import "/js/elements/app-shell.js";
import { begin } from "/js/i18n.js";

begin();
document.querySelector(".skip-link")?.addEventListener("click", (event) => {
  // Not by the address: it names the room.
  event.preventDefault();
  /** @type {HTMLElement | null} */ (document.getElementById("composer") ?? document.querySelector("main"))?.focus();
});
