/* The picker of accounts: a search that hides what does not match. What is ticked stays ticked. */
(function () {
  "use strict";
  const field = document.querySelector("[data-picker-search]");
  if (!field) return;
  const rows = [...document.querySelectorAll("[data-picker-text]")];
  const none = document.querySelector("[data-picker-none]");

  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLocaleLowerCase();
    rows.forEach((row) => { row.hidden = !row.dataset.pickerText.toLocaleLowerCase().includes(wanted); });
    none.hidden = rows.some((row) => !row.hidden);
  });

  // Enter in a search is no wish to connect anything.
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
})();
