// What only the browser can do: the viewer's time zone, theme, clipboard, dialogs and the address bar.
// It calculates nothing about jobs; every number comes from the service.
"use strict";

const TrainPage = (() => {
  const THEMES = ["auto", "light", "dark"];
  const LOGIN = "/train/login";
  const sessions = new BroadcastChannel("training_pipeline session");
  const NAMES = { auto: "system", light: "light", dark: "dark" };

  function theme() {
    const stored = localStorage.getItem("theme");
    return THEMES.includes(stored) ? stored : "auto";
  }

  function applyTheme() {
    const chosen = theme();
    document.documentElement.dataset.theme = chosen;
    for (const button of document.querySelectorAll("[data-theme-button]"))
      button.setAttribute("aria-label", `Theme: ${NAMES[chosen]}`);
    window.dispatchEvent(new Event("themechange"));
  }

  function say(message, kind) {
    const place = document.getElementById("messages");
    if (!place) return;
    const line = document.createElement("div");
    line.className = `message ${kind}`;
    line.textContent = message;
    place.append(line);
    setTimeout(() => line.remove(), 6000);
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied.", "good");
    } catch {
      say("The browser does not allow this page to copy.", "bad");
    }
  }

  function whenThere(id, act) {
    const found = document.getElementById(id);
    if (found) act(found);
    else requestAnimationFrame(() => whenThere(id, act));
  }

  async function logIn(form) {
    const trouble = form.querySelector("[data-problem]");
    const headers = { Authorization: `Bearer ${form.elements.token.value.trim()}` };
    const answer = await fetch("/session", { method: "POST", headers }).catch(() => null);
    if (answer?.ok) {
      const next = new URLSearchParams(location.search).get("next") ?? "";
      location.replace(/^\/train(?![^/?])/.test(next) ? next : "/train");
      return;
    }
    const problem = await answer?.json().catch(() => null);
    trouble.textContent = problem?.detail ?? "The service is not responding. Try again in a moment.";
    trouble.classList.remove("hidden");
    form.elements.token.setAttribute("aria-invalid", "true");
    form.elements.token.focus();
  }

  async function logOut() {
    await fetch("/session", { method: "DELETE" });
    sessions.postMessage("over"); // to the other pages of this browser
    location.assign(LOGIN);
  }

  // Whoever's session is over is shown how to log in, and comes back here then. The server closes the page's websocket.
  async function checkSession() {
    if (location.pathname === LOGIN) return;
    const answer = await fetch("/session").catch(() => null);
    if (answer?.status === 401) location.replace(`${LOGIN}?next=${encodeURIComponent(location.pathname + location.search)}`);
  }

  applyTheme();
  setInterval(() => window.socket?.connected === false && checkSession(), 2000);
  sessions.addEventListener("message", checkSession);
  window.addEventListener("pageshow", (event) => event.persisted && checkSession());
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-login]")) return;
    event.preventDefault();
    logIn(event.target);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
  document.addEventListener("DOMContentLoaded", applyTheme);
  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-theme-button]");
    if (toggle) {
      localStorage.setItem("theme", THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
      applyTheme();
      say(`Theme: ${NAMES[theme()]}.`, "good");
    }
    if (event.target.closest("[data-log-out]")) logOut();
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied);
  });
  window.addEventListener("popstate", () =>
    emitEvent("address", { path: location.pathname, ...Object.fromEntries(new URLSearchParams(location.search)) }),
  );

  // A page is made after it is loaded: what its address names is scrolled to once it is there.
  const named = decodeURIComponent(location.hash.slice(1));
  if (named && location.pathname.startsWith("/train/docs/"))
    whenThere(named, (heading) => heading.scrollIntoView());

  return {
    say,
    theme: applyTheme,
    openDialog: (id) => whenThere(id, (dialog) => dialog.open || dialog.showModal()),
    closeDialog: (id) => whenThere(id, (dialog) => dialog.close()),
    setValue: (id, value) => whenThere(id, (field) => (field.value = value)),
  };
})();

// <local-time at="2026-11-23T07:21:45+00:00" form="relative|day|date-time">: a moment in the viewer's zone, or
// how long ago it was (form="elapsed"), which runs.
class LocalTime extends HTMLElement {
  static observedAttributes = ["at", "form"];
  static shown = new Set();
  static exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  static day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  static whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  static forms = { day: LocalTime.day, "date-time": LocalTime.whole };
  static ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

  connectedCallback() {
    LocalTime.shown.add(this);
    this.show();
  }

  disconnectedCallback() {
    LocalTime.shown.delete(this);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.show();
  }

  show() {
    const stated = this.getAttribute("at");
    const at = new Date(stated);
    if (!stated || isNaN(at)) {
      this.textContent = stated || "-"; // what a source states need not be a time that a browser knows
      this.removeAttribute("title");
      return;
    }
    const form = this.getAttribute("form");
    const text =
      form === "elapsed" ? this.elapsed(at) : (LocalTime.forms[form]?.format(at) ?? this.relative(at));
    if (this.textContent !== text) this.textContent = text;
    this.title = LocalTime.exact.format(at);
  }

  // As the server says a duration, in its two largest units.
  elapsed(at) {
    const seconds = Math.max(0, Math.round((Date.now() - at) / 1000));
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    const two = (number) => String(number).padStart(2, "0");
    if (seconds < 60) return `${seconds} s`;
    if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
    if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  }

  relative(at) {
    const seconds = (at - Date.now()) / 1000;
    const past = Math.abs(seconds);
    if (past < 45) return "just now";
    if (past < 3600) return LocalTime.ago.format(Math.round(seconds / 60), "minute");
    if (past < 86400) return LocalTime.ago.format(Math.round(seconds / 3600), "hour");
    if (past < 7 * 86400) return LocalTime.ago.format(Math.round(seconds / 86400), "day");
    return LocalTime.day.format(at);
  }
}
customElements.define("local-time", LocalTime);
setInterval(() => LocalTime.shown.forEach((each) => each.show()), 15000);
setInterval(() => {
  for (const each of LocalTime.shown) if (each.getAttribute("form") === "elapsed") each.show();
}, 1000);

// <input type="file" data-upload="/address">: sends the file as it is chosen or dropped, and tells the page what came of it.
(() => {
  async function send(input, file) {
    const said = input.parentElement.querySelector("[data-upload-said]");
    said.textContent = `Sending ${file.name} …`;
    const body = new FormData();
    body.append("file", file, file.name);
    const answer = await fetch(input.dataset.upload, { method: "POST", body }).catch(() => null);
    const found = await answer?.json().catch(() => null);
    input.value = ""; // so that a mended file of the same name can be chosen
    if (answer?.ok && found) {
      said.textContent = `${found.file} was received.`;
      emitEvent("uploaded", found);
      return;
    }
    said.textContent = [found?.detail ?? "The file could not be sent.", found?.errors?.[0]?.detail, found?.hint].filter(Boolean).join(" ");
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-upload]") && event.target.files.length) send(event.target, event.target.files[0]);
  });
  for (const kind of ["dragover", "dragleave", "drop"])
    document.addEventListener(kind, (event) => {
      const place = event.target.closest?.("[data-drop]");
      for (const each of document.querySelectorAll("[data-drop]")) each.classList.toggle("is-over", each === place && kind === "dragover");
      if (kind !== "dragleave" && event.dataTransfer?.types.includes("Files")) event.preventDefault(); // else it is opened
      if (kind === "drop" && place && event.dataTransfer.files.length)
        send(place.querySelector("[data-upload]"), event.dataTransfer.files[0]);
    });
})();
