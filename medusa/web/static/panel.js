// What the panel does beyond forms and links: it stays fresh, and it remembers light or dark.

const byId = (id) => document.getElementById(id);
const POLL = 5000; // ms, where there are no events
const RETRY = 30000; // ms, until events are tried again

function tell() {
  if (!document.hidden) document.body.dispatchEvent(new Event("medusa:change"));
}

/** Hears events for as long as the page is seen; asks every few seconds while there are none. */
function stayFresh() {
  let source = null, polling = null, retry = null;

  function show(live) {
    byId("live").hidden = false;
    byId("live").dataset.live = live ? "yes" : "no";
    const words = live ? "live" : "every few seconds";
    if (byId("live-words").textContent !== words) byId("live-words").textContent = words;
  }
  function stop() {
    source?.close();
    clearInterval(polling);
    clearTimeout(retry);
    source = polling = retry = null;
  }
  function poll() {
    stop();
    show(false);
    polling = setInterval(() => tell(), POLL);
    retry = setTimeout(listen, RETRY);
  }
  function listen() {
    stop();
    source = new EventSource("/events");
    source.addEventListener("open", () => show(true));
    source.addEventListener("change", () => tell());
    source.addEventListener("error", poll);
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => event.persisted && listen());
  listen();
}

/** Keeps open what was open in a part that is replaced, and leaves a page whose session has ended. */
function mindSwaps() {
  let open = [];
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const url = new URL(event.detail.xhr.responseURL || location.href);
    if (url.pathname === "/login") {
      event.detail.shouldSwap = false;
      location.assign("/login");
    }
    open = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const acted = event.detail.requestConfig.verb !== "get";
    if (!acted) for (const id of open) byId(id)?.setAttribute("open", "");
    open = [];
  });
}

/** Menus close when something else is pressed, or with Escape. */
function mindMenus() {
  const close = (but) => {
    for (const one of document.querySelectorAll("details.more[open]")) if (!one.contains(but)) one.open = false;
  };
  document.addEventListener("click", (event) => close(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.activeElement?.closest("details.more[open]");
    close(null);
    open?.querySelector("summary").focus();
  });
}

function offerThemes() {
  byId("theme").hidden = false;
  byId("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
  });
}

stayFresh();
mindSwaps();
mindMenus();
offerThemes();
