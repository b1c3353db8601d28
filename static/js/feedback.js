/* What the page says back: toasts, errors in words, progress, confirmation; and the CSRF token on htmx requests. */
(function () {
  "use strict";
  const stratum = window.stratum;
  const wordsBlock = document.getElementById("frame-words");
  const words = wordsBlock ? JSON.parse(wordsBlock.textContent) : {};
  stratum.words = words;

  /* --- Toasts ------------------------------------------------------------------------------------------- */

  const LEVELS = { success: "good", good: "good", info: "info", warning: "warn", warn: "warn", error: "bad", bad: "bad" };
  const SHOWN_FOR = 6000;
  const SHOWN_FOR_WITH_UNDO = 12000;

  function retire(item, after) {
    let timer = window.setTimeout(() => item.remove(), after);
    // A toast that is being read or reached by keyboard stays.
    const hold = () => window.clearTimeout(timer);
    const release = () => { hold(); timer = window.setTimeout(() => item.remove(), 2500); };
    item.addEventListener("pointerenter", hold);
    item.addEventListener("pointerleave", release);
    item.addEventListener("focusin", hold);
    item.addEventListener("focusout", release);
  }

  function arm(item) {
    const undo = item.querySelector("[data-undo]");
    // What went wrong stays until it is dismissed.
    if (!item.classList.contains("toast-is-bad")) retire(item, undo ? SHOWN_FOR_WITH_UNDO : SHOWN_FOR);
    item.querySelector("[data-toast-close]").addEventListener("click", () => item.remove());
    if (undo) undo.addEventListener("htmx:afterRequest", () => item.remove());
  }

  function toast({ text, level = "success", undo_url: undoUrl = "" }) {
    const list = document.getElementById("toasts");
    const template = document.getElementById("toast-template");
    if (!list || !template || !text) return;
    const meaning = LEVELS[level] || "info";
    const same = [...list.children].find((item) => item.querySelector(".toast-words").textContent === text);
    if (same) same.remove();
    const item = template.content.firstElementChild.cloneNode(true);
    item.className = `toast-item toast-is-${meaning}`;
    const icon = document.getElementById("toast-icons").content.querySelector(`[data-level="${meaning}"] svg`);
    item.prepend(icon.cloneNode(true));
    item.querySelector(".toast-words").textContent = text;
    const undo = item.querySelector("[data-undo]");
    // Only addresses of this site may be posted to.
    if (undoUrl.startsWith("/") && !undoUrl.startsWith("//")) undo.setAttribute("hx-post", undoUrl);
    else undo.remove();
    list.append(item);
    window.htmx.process(item);
    arm(item);
  }

  stratum.toast = toast;
  document.body.addEventListener("toast", (event) => {
    const detail = event.detail || {};
    (Array.isArray(detail.items) ? detail.items : [detail]).forEach(toast);
  });
  document.querySelectorAll("#toasts [data-toast]").forEach(arm);

  /* --- Errors of requests, in words ---------------------------------------------------------------------- */

  const ERRORS = {
    400: "badRequest", 403: "refused", 404: "notFound", 409: "conflict", 410: "notFound", 412: "conflict",
    413: "tooLarge", 429: "tooMany",
  };

  // Panels that fetch themselves are not what the person waits for: no bar, no toast each minute.
  const waited = (event) => !event.detail.elt.matches("[hx-trigger*='every'], [hx-trigger*='load']");

  function failed(event, text) {
    if (waited(event)) toast({ text, level: "error" });
    // A panel that never came says so in its place; one that only missed a refresh keeps what it shows.
    else if (event.detail.elt.querySelector(".skeleton")) event.detail.elt.textContent = words.panelFailed;
  }

  document.body.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    // A refusal that brings its own words has said them in its event already.
    if ((xhr.getResponseHeader("HX-Trigger") || "").includes("toast")) return;
    failed(event, words[ERRORS[xhr.status]] || words.serverError);
  });
  document.body.addEventListener("htmx:sendError", (event) => failed(event, words.offline));
  document.body.addEventListener("htmx:timeout", (event) => failed(event, words.timeout));

  /* --- Progress ------------------------------------------------------------------------------------------ */

  let running = 0;
  const busy = (step) => {
    running = Math.max(0, running + step);
    document.documentElement.toggleAttribute("data-busy", running > 0);
  };
  document.body.addEventListener("htmx:beforeSend", (event) => { if (waited(event)) busy(1); });
  document.body.addEventListener("htmx:afterRequest", (event) => { if (waited(event)) busy(-1); });

  document.body.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector('meta[name="csrf-token"]');
    if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token.content;
  });

  // Cross-origin requests never carry the token.
  document.body.addEventListener("htmx:validateUrl", (event) => {
    if (!event.detail.sameHost) event.preventDefault();
  });

  /* --- Confirmation -------------------------------------------------------------------------------------- */

  function ask({ title, text, verb, danger }) {
    const dialog = document.getElementById("confirm-dialog");
    if (!dialog) return Promise.resolve(window.confirm(text));
    dialog.querySelector("#confirm-title").textContent = title || words.confirmTitle;
    dialog.querySelector("#confirm-text").textContent = text;
    const yes = dialog.querySelector("#confirm-yes");
    yes.textContent = verb || words.confirm;
    yes.classList.toggle("btn-danger", Boolean(danger));
    yes.classList.toggle("btn-primary", !danger);
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirm"), { once: true });
    });
  }

  stratum.ask = ask;

  function question(element, text) {
    return {
      text,
      title: element.dataset.confirmTitle,
      verb: element.dataset.confirmVerb,
      danger: element.hasAttribute("data-confirm-danger"),
    };
  }

  document.body.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(question(event.detail.elt, event.detail.question)).then((yes) => { if (yes) event.detail.issueRequest(true); });
  });

  // A plain form or submit button with data-confirm="…" is asked about as well.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const asker = event.submitter?.dataset.confirm ? event.submitter : form;
    if (!asker.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(question(asker, asker.dataset.confirm)).then((yes) => {
      if (!yes) return;
      form.dataset.confirmed = "1";
      form.requestSubmit(event.submitter || undefined);
      delete form.dataset.confirmed;
    });
  }, true);
})();
