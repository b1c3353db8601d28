/* The frame: sidebar, theme buttons, keyboard. */
(function () {
  "use strict";
  const stratum = window.stratum;
  const words = stratum.words;
  const root = document.documentElement;
  const sidebar = document.getElementById("sidebar");
  root.classList.add("js");

  /* --- Sidebar -------------------------------------------------------------------------------------------- */

  function nameFold() {
    const folded = root.dataset.nav === "rail";
    const word = document.querySelector("[data-nav-fold-word]");
    if (word) word.textContent = folded ? words.expandSidebar : words.collapseSidebar;
    const button = document.querySelector("[data-nav-fold]");
    if (button) {
      button.setAttribute("aria-expanded", String(!folded));
      button.dataset.railTip = words.expandSidebar;
    }
  }

  function fold() {
    if (root.dataset.nav === "rail") delete root.dataset.nav;
    else root.dataset.nav = "rail";
    stratum.write("stratum.nav", root.dataset.nav || "wide");
    nameFold();
    // Charts measure themselves anew.
    window.dispatchEvent(new Event("resize"));
  }

  const body = document.querySelector(".frame-body");
  let opener = null;

  function openNav(button) {
    opener = button;
    root.setAttribute("data-nav-open", "");
    if (body) body.inert = true;
    sidebar?.querySelector("a, button")?.focus();
  }

  function closeNav() {
    if (!root.hasAttribute("data-nav-open")) return;
    root.removeAttribute("data-nav-open");
    if (body) body.inert = false;
    opener?.focus();
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    const menu = target.closest("[data-nav-open]:not(html)");
    if (menu) {
      event.preventDefault();
      openNav(menu);
      return;
    }
    if (target.closest("[data-nav-close]")) closeNav();
    else if (root.hasAttribute("data-nav-open") && !target.closest("#sidebar")) closeNav();
    if (target.closest("[data-nav-fold]")) fold();
    const theme = target.closest("[data-theme-set]");
    if (theme) stratum.setTheme(theme.dataset.themeSet);
    if (target.closest("[data-focus-search]")) focusSearch();
    const copy = target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => stratum.toast({ text: words.copied }));
  });
  nameFold();

  // The inert page cannot hear the click beside the open sidebar: the document can.
  document.addEventListener("pointerdown", (event) => {
    if (root.hasAttribute("data-nav-open") && !event.target.closest("#sidebar")) closeNav();
  });

  window.matchMedia("(min-width: 62rem)").addEventListener("change", (event) => { if (event.matches) closeNav(); });

  /* --- Keyboard ------------------------------------------------------------------------------------------- */

  function focusSearch() {
    const bar = document.querySelector(".topbar");
    const field = document.getElementById("global-search");
    if (!field) return;
    bar.classList.add("is-searching");
    field.focus();
    field.select();
  }

  document.getElementById("global-search")?.addEventListener("blur", () => {
    window.setTimeout(() => document.querySelector(".topbar")?.classList.remove("is-searching"), 200);
  });

  const shortcuts = document.querySelector("[data-shortcuts]");
  if (shortcuts) {
    shortcuts.checked = stratum.read("stratum.shortcuts") !== "off";
    shortcuts.addEventListener("change", () => stratum.write("stratum.shortcuts", shortcuts.checked ? "on" : "off"));
  }

  const typing = (element) => element.matches?.("input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]");
  let going = 0;

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeNav();
      if (event.target.id === "global-search") event.target.blur();
      return;
    }
    if (stratum.read("stratum.shortcuts") === "off") return;
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (going && Date.now() - going < 1500) {
      going = 0;
      const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        window.location.assign(link.href);
      }
      return;
    }
    if (event.key === "g") going = Date.now();
    else if (event.key === "/") {
      event.preventDefault();
      focusSearch();
    } else if (event.key === "b") document.querySelector('[popovertarget="bell-menu"]')?.click();
    else if (event.key === "?") document.getElementById("help-dialog")?.showModal();
    else if (event.key === "[") fold();
  });
})();
