/* Popovers, dialogs and tooltips. Menus are native popovers and dialogs; this adds what not every browser has yet:
   placing a popover at its button, and the command attribute. */
(function () {
  "use strict";
  const rtl = () => document.documentElement.dir === "rtl";

  function place(floating, anchor, atEnd) {
    const box = anchor.getBoundingClientRect();
    const size = floating.getBoundingClientRect();
    const alignEnd = atEnd !== rtl();
    let left = alignEnd ? box.right - size.width : box.left;
    left = Math.min(Math.max(left, 8), window.innerWidth - size.width - 8);
    let top = box.bottom + 4;
    if (top + size.height > window.innerHeight - 8 && box.top - size.height - 4 > 8) top = box.top - size.height - 4;
    floating.style.inset = "auto";
    floating.style.margin = "0";
    floating.style.left = `${left}px`;
    floating.style.top = `${top}px`;
  }

  const anchored = window.CSS.supports("position-area: block-end");

  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLElement) || !menu.matches("[popover].menu")) return;
    const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
    if (!button) return;
    const open = event.newState === "open";
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    if (!anchored) place(menu, button, menu.classList.contains("menu-end"));
    menu.querySelector(".menu-item[aria-current], .menu-item, input:not([type=hidden])")?.focus({ preventScroll: true });
  }, true);

  // Up and down walk through a menu.
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("[popover].menu");
    if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    if (event.target.matches("input, select, textarea")) return;
    const items = [...menu.querySelectorAll(".menu-item:not(:disabled), [data-menu-item]")].filter((item) => item.offsetParent !== null);
    if (!items.length) return;
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    items[(next + items.length) % items.length].focus();
    event.preventDefault();
  });

  // A choice made in a menu closes it; a form inside stays open until it is sent.
  document.addEventListener("click", (event) => {
    const item = event.target.closest(".menu-item");
    const menu = item?.closest("[popover].menu");
    if (menu && !item.hasAttribute("data-keep-open") && menu.matches(":popover-open")) menu.hidePopover();
  });

  if (!("commandForElement" in HTMLButtonElement.prototype)) {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button[commandfor]");
      const target = button && document.getElementById(button.getAttribute("commandfor"));
      if (!target) return;
      const command = button.getAttribute("command");
      if (command === "show-modal" && !target.open) target.showModal();
      if (command === "close") target.close();
    });
  }

  // A dialog that came in a fragment opens itself: <dialog data-open-on-load>.
  document.body.addEventListener("htmx:afterSettle", (event) => {
    const dialog = event.detail.elt.matches?.("dialog[data-open-on-load]")
      ? event.detail.elt : event.detail.elt.querySelector?.("dialog[data-open-on-load]");
    if (dialog && !dialog.open) dialog.showModal();
  });
  document.body.addEventListener("close-dialogs", () => {
    document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  });

  /* --- Tooltips: data-tip="…" on anything that can be hovered or focused ------------------------------------ */

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let owner = null;
  let timer = 0;

  function show(element) {
    const text = element.dataset.tip || (document.documentElement.dataset.nav === "rail" && element.dataset.railTip);
    if (!text) return;
    hide();
    owner = element;
    tip.textContent = text;
    // Inside an open dialog or popover only its own descendants are above it.
    (element.closest("dialog[open], [popover]:popover-open") || document.body).append(tip);
    tip.hidden = false;
    place(tip, element, false);
    if (!element.hasAttribute("aria-describedby")) element.setAttribute("aria-describedby", "tip");
  }

  function hide() {
    window.clearTimeout(timer);
    if (owner?.getAttribute("aria-describedby") === "tip") owner.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  }

  document.addEventListener("pointerover", (event) => {
    const element = event.target.closest?.("[data-tip], [data-rail-tip]");
    if (!element || element === owner || event.pointerType === "touch") return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => show(element), 250);
  });
  document.addEventListener("pointerout", (event) => {
    const element = event.target.closest?.("[data-tip], [data-rail-tip]");
    if (element && !element.contains(event.relatedTarget)) hide();
  });
  document.addEventListener("focusin", (event) => {
    const element = event.target.closest?.("[data-tip]");
    if (element?.matches(":focus-visible")) show(element);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("click", (event) => { if (owner && !owner.contains(event.target)) hide(); });
  document.addEventListener("scroll", hide, { capture: true, passive: true });
})();
