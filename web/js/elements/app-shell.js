import { Api } from "/js/api.js";
import { LiveElement } from "/js/dom.js";
import { Chat } from "/js/models/chat.js";
import { Socket } from "/js/socket.js";

const SOCKET_PATH = "/v1/ws";
/** Where admins see the actors; everywhere else is the talk. */
const LIVE_PATH = "/admin/actors";

/** Signed out or signed in: shows the one or the other, and owns the live line. */
class AppShell extends LiveElement {
  #api = new Api();
  /** @type {Chat | null} */ #chat = null;
  #isInside = false;
  /** Why the last sign-in ended; a key of `sign.why`. @type {string | null} */ #why = null;

  /* Lifecycle */

  connectedCallback() {
    this.on(this.#api.tokens, "gone", () => this.#gone());
    this.on(window, "storage", ({ key }) => (key === "moim.tokens" || key === null) && this.#show());
    this.on(this, "sign-out", () => this.#leave());
    this.on(window, "online pageshow", () => this.#chat?.socket.hurry());
    this.on(window, "offline", () => this.#chat?.socket.hurry());
    this.on(document, "visibilitychange", () => document.visibilityState === "visible" && this.#chat?.socket.hurry());
    this.#show();
  }

  /* Actions */

  /**
   * The line goes first, so that the server's farewell to it is not taken for bad news. Who goes leaves
   * no place in the address; who has to sign in first, or once more, comes to the one that it names.
   */
  #leave() {
    this.#chat?.stop();
    this.#why = "";
    history.replaceState(null, "", location.pathname);
    this.#api.signOut();
  }

  #gone() {
    this.#why = this.#api.farewell ?? this.#why ?? "expired";
    this.#api.farewell = null;
    this.#show();
  }

  /* Rendering */

  #show() {
    const isSignedIn = this.#api.tokens.pair !== null;
    if (isSignedIn === this.#isInside && this.childElementCount > 0) return;
    this.#isInside = isSignedIn;
    this.#chat?.stop();
    this.#chat = null;
    if (!isSignedIn) this.#showSignIn();
    else if (location.pathname === LIVE_PATH) this.#showLive();
    else this.#showChat();
  }

  /** What few people see is loaded when one of them comes. */
  async #showLive() {
    await import("/js/elements/live-view.js");
    if (!this.#isInside) return;
    const view = /** @type {any} */ (document.createElement("live-view"));
    view.api = this.#api;
    this.replaceChildren(view);
  }

  #showSignIn() {
    const page = /** @type {any} */ (document.createElement("sign-in"));
    page.api = this.#api;
    page.why = this.#why;
    this.#why = null;
    document.title = "Moim";
    this.on(page, "signed-in", () => this.#show());
    this.replaceChildren(page);
  }

  #showChat() {
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${SOCKET_PATH}`;
    const socket = new Socket({ url, tokens: this.#api.tokens });
    this.#chat = new Chat({ api: this.#api, socket, storage: sessionStorage });
    this.on(socket, "signed-out", ({ detail }) => {
      this.#why = detail;
      this.#api.tokens.forget();
    });
    const view = /** @type {any} */ (document.createElement("chat-view"));
    view.chat = this.#chat;
    view.api = this.#api;
    this.replaceChildren(view);
    this.#chat.start();
  }
}

customElements.define("app-shell", AppShell);
