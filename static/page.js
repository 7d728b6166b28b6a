"use strict";

// htmx does the work, and what the board shows is always what the server sent. This file only says how the connection
// stands, asks before a booking is ended, and keeps three habits of browsers from doing harm.
(() => {
  const element = (id) => document.getElementById(id);
  const isLive = () => element("connection")?.dataset.state === "live";

  const say = (state) => {
    const badge = element("connection");
    if (!badge) return;
    badge.dataset.state = state;
    badge.textContent = badge.dataset[state];
    badge.hidden = false;
  };

  let socket = null;
  const isOpen = () => socket?.readyState === WebSocket.OPEN;

  document.addEventListener("htmx:ws:after:connection", ({ detail }) => {
    socket = detail.connection.socket;
    // Signed out somewhere else. The page that the server now gives says so.
    socket.addEventListener("close", ({ reason }) => reason === "session-over" && location.reload());
    say("live");
  });
  document.addEventListener("htmx:ws:close", ({ detail: { connection, reason, code } }) => {
    if (reason === "removed") return;
    const tries = reason === "closed" && connection.config.reconnectCodes.includes(code);
    say(tries && navigator.onLine ? "reconnecting" : "offline");
  });
  addEventListener("offline", () => say("offline"));
  addEventListener("online", () => say(isOpen() ? "live" : "reconnecting"));

  // While the socket is live, the cells come over it, in order. The board in the answer to a form is a little older than
  // what may have come in the meantime, so only its message is taken.
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (!isLive()) return;
    ctx.select = "#messages > *";
    ctx.target = element("messages");
    ctx.swap = "innerHTML ignoreTitle:true";
  });

  // Whoever uses the keyboard need not walk through the whole board to what is offered instead.
  document.addEventListener("htmx:after:swap", () => {
    const offers = document.querySelector("#messages .offers:not([data-shown])");
    if (!offers) return;
    offers.dataset.shown = "";
    if (document.activeElement?.matches(".cell:focus-visible")) offers.querySelector("button").focus();
  });

  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx) element("messages")?.replaceChildren(element("unreached").content.cloneNode(true));
  });

  document.addEventListener("htmx:confirm", (event) => {
    const dialog = element("confirming");
    event.preventDefault();
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => (dialog.returnValue === "end" ? event.detail.issueRequest() : event.detail.dropRequest()),
      { once: true },
    );
    dialog.showModal();
  });

  document.addEventListener(
    "click",
    (event) => {
      // The second half of a double click would hit what the first one has made of the cell.
      if (event.detail > 1 && event.target.closest(".cell")) event.preventDefault();
      if (event.target.closest("[data-dismiss]")) {
        event.preventDefault();
        element("messages").replaceChildren();
      }
    },
    true,
  );

  // It says that there is no connection, instead of the browser; where it cannot be had, the browser does.
  navigator.serviceWorker?.register("/service-worker.js").catch(console.warn);

  // A page that comes out of the back-forward cache has lost its socket for good.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) location.reload();
  });
})();
