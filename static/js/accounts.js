/* Sign-up and profile: the browser's own time zone as the first guess, and the theme as it is chosen. */
(function () {
  "use strict";

  const zone = document.querySelector("select[data-browser-zone]");
  // Only the untouched default: what somebody chose, or sent and got back with an error, stays.
  if (zone && zone.value === "UTC" && !document.querySelector("[aria-invalid='true'], .form-errors")) {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if ([...zone.options].some((option) => option.value === own)) zone.value = own;
  }

  const theme = document.querySelector("select[data-theme-field]");
  theme?.addEventListener("change", () => window.stratum.setTheme(theme.value));
})();
