// textual.js begins at `load`: it must find the address of the websocket and, because it measures
// characters, the font.
"use strict";

const begin = window.onload;

window.onload = async (event) => {
  history.replaceState(null, "", "/"); // the secret is in a cookie now: not in the history, not on screen
  document.getElementById("again").onclick = () => location.reload();
  document.getElementById("terminal").dataset.sessionWebsocketUrl = `ws://${location.host}/ws`;
  await Promise.allSettled(["", "bold ", "italic "].map((style) => document.fonts.load(`${style}16px "Roboto Mono"`)));
  begin(event);
  new MutationObserver(focusWhenConnected).observe(document.body, { attributeFilter: ["class"] });
};

function focusWhenConnected(_, observer) {
  if (document.body.classList.contains("-loaded")) {
    observer.disconnect();
    document.querySelector(".xterm-helper-textarea").focus(); // keys go to the app without a click
  }
}
