/* Light, dark or as the system: decided before the first paint, so this script blocks in <head>.
   The newer of the two wins: this browser's own choice (localStorage) or the profile's (data-theme-preference). */
(function () {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const known = ["light", "dark", "auto"];

  function read(key) {
    // Storage may be closed to us (private windows, policies): the page works without memory.
    try { return window.localStorage.getItem(key); } catch { return null; }
  }

  function write(key, value) {
    try { window.localStorage.setItem(key, value); } catch { /* nothing to remember with */ }
  }

  // A choice saved in the profile since this browser last looked is the newer one.
  const preference = root.dataset.themePreference;
  if (preference !== undefined && read("stratum.theme.profile") !== preference) {
    if (read("stratum.theme.profile") !== null) write("stratum.theme", preference);
    write("stratum.theme.profile", preference);
  }

  function choice() {
    const own = read("stratum.theme");
    if (known.includes(own)) return own;
    return known.includes(preference) ? preference : "auto";
  }

  function apply() {
    const chosen = choice();
    const theme = chosen === "auto" ? (system.matches ? "dark" : "light") : chosen;
    const changed = root.dataset.bsTheme !== undefined && root.dataset.bsTheme !== theme;
    root.dataset.themeChoice = chosen;
    root.dataset.bsTheme = theme;
    if (changed) document.dispatchEvent(new CustomEvent("stratum:theme", { detail: { theme } }));
  }

  window.stratum = {
    read,
    write,
    theme: () => root.dataset.bsTheme,
    setTheme(value) {
      if (!known.includes(value)) return;
      write("stratum.theme", value);
      apply();
    },
  };

  apply();
  if (read("stratum.nav") === "rail") root.dataset.nav = "rail";
  system.addEventListener("change", apply);
  window.addEventListener("storage", (event) => { if (event.key === "stratum.theme") apply(); });
})();
