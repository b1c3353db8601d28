/* Lists: bulk selection with shift-click, the bar of what to do with it, and the column chooser.

   <section data-selection> holds a table whose rows have <input data-row value="id">, a head box <input data-row-all>,
   and a <form data-bulk-bar hidden> with [data-bulk-count]. The checked ids travel as `ids` in that form: the boxes
   carry form="<id of the bar>", so nothing is copied here. */
(function () {
  "use strict";
  const words = window.stratum.words;
  let anchor = null;

  const scopeOf = (element) => element.closest("[data-selection]");
  // What a search has hidden is not ticked with the rest.
  const boxesOf = (scope) => [...scope.querySelectorAll("input[data-row]:not(:disabled)")].filter((box) => !box.closest("[hidden]"));

  function refresh(scope) {
    const boxes = boxesOf(scope);
    const count = boxes.filter((box) => box.checked).length;
    const all = scope.querySelector("input[data-row-all]");
    if (all) {
      all.checked = count > 0 && count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
    const bar = scope.querySelector("[data-bulk-bar]");
    if (!bar) return;
    bar.hidden = count === 0;
    const label = bar.querySelector("[data-bulk-count]");
    if (label) label.textContent = words.selected.replace("%(count)s", String(count));
  }

  function clear(scope) {
    boxesOf(scope).forEach((box) => { box.checked = false; });
    refresh(scope);
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("input[data-row]");
    if (!box) return;
    const scope = scopeOf(box);
    if (!scope) return;
    if (event.shiftKey && anchor && scope.contains(anchor)) {
      const boxes = boxesOf(scope);
      const [from, to] = [boxes.indexOf(anchor), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
    }
    anchor = box;
    refresh(scope);
  });

  document.addEventListener("change", (event) => {
    const all = event.target.closest?.("input[data-row-all]");
    if (!all) return;
    const scope = scopeOf(all);
    boxesOf(scope).forEach((box) => { box.checked = all.checked; });
    refresh(scope);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-selection-clear]");
    if (button) clear(scopeOf(button));
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open], [popover]:popover-open")) return;
    document.querySelectorAll("[data-selection]").forEach((scope) => {
      if (scope.querySelector("input[data-row]:checked")) clear(scope);
    });
  });

  // After a sort or a page change the rows are others: nothing may stay selected out of sight.
  document.body.addEventListener("htmx:afterSettle", (event) => {
    const scope = scopeOf(event.detail.elt);
    if (scope) refresh(scope);
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("[data-selection]").forEach(refresh));

  /* A filter keeps the order, the columns and the days that the address has now: its hidden fields are those of the
     moment the page was made, and the table has been sorted since. */
  document.body.addEventListener("htmx:configRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches("form.filter-bar")) return;
    const data = event.detail.formData;
    const shown = new Set([...form.elements].filter((field) => field.name && field.type !== "hidden").map((field) => field.name));
    [...form.elements].filter((field) => field.type === "hidden").forEach((field) => data.delete(field.name));
    new URLSearchParams(window.location.search).forEach((value, name) => {
      if (name !== "page" && !shown.has(name)) data.append(name, value);
    });
    // An empty filter is no filter: the address stays short.
    [...shown].filter((name) => data.getAll(name).every((value) => value === "")).forEach((name) => data.delete(name));
  });

  /* A search field has been heard while it was typed into. The `change` it sends when it is left would ask once more,
     and its late answer would take the place of what the person left it for: a sorted column, another page. */
  document.addEventListener("change", (event) => {
    if (event.target.matches?.(".filter-bar input[type=search]")) event.stopPropagation();
  }, true);

  /* A box whose table is not wider than itself gives up its scroll bar: head and totals then stick to the window, and
     the keyboard needs no stop there. */
  const measured = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    const box = target.closest(".table-box");
    const table = box?.querySelector("table");
    // A hidden tab measures nothing.
    if (!table || !table.offsetWidth || box.classList.contains("is-tall")) return;
    const fits = table.offsetWidth <= box.clientWidth;
    box.classList.toggle("fits", fits);
    if (fits) box.removeAttribute("tabindex");
    else box.tabIndex = 0;
  }));

  function measure(root) {
    root.querySelectorAll(".table-box > table").forEach((table) => {
      measured.observe(table);
      measured.observe(table.parentElement);
    });
  }

  measure(document);
  document.body.addEventListener("htmx:afterSettle", (event) => measure(event.detail.elt.parentElement || document));

  /* The chooser is a GET form of checkboxes named `column`; they become one `columns=a,b,c`. */
  document.addEventListener("formdata", (event) => {
    const form = event.target;
    if (!form.matches("form[data-column-chooser]")) return;
    const chosen = event.formData.getAll("column");
    event.formData.delete("column");
    if (chosen.length) event.formData.set("columns", chosen.join(","));
  });
})();
