/* Drop zone: a label around a file input inside <form data-upload>. With scripts the files go up one by one by XHR,
   each with its own progress bar; without scripts the form is a plain multipart form.

   The answer of an upload is JSON {"redirect": "/…"} or {"error": "a sentence"}, or a redirect/HX-Redirect to follow.
   Attributes of the form: data-accept=".csv,.xlsx" (checked by name before sending), data-max-bytes. */
(function () {
  "use strict";
  const stratum = window.stratum;
  const words = stratum.words;

  function line(form, file) {
    const list = form.querySelector("[data-upload-list]");
    const template = form.querySelector("template[data-upload-line]");
    const item = template.content.firstElementChild.cloneNode(true);
    item.querySelector("[data-name]").textContent = file.name;
    list.append(item);
    return item;
  }

  function say(item, text, state) {
    item.querySelector("[data-state]").textContent = text;
    const bar = item.querySelector("progress");
    bar.classList.toggle("is-bad", state === "bad");
    bar.classList.toggle("is-good", state === "good");
    if (state === "bad") {
      bar.value = bar.max;
      stratum.toast({ text: `${file(item)}: ${text}`, level: "error" });
    }
  }

  const file = (item) => item.querySelector("[data-name]").textContent;

  function refusal(form, one) {
    const accepted = (form.dataset.accept || "").split(",").map((part) => part.trim().toLowerCase()).filter(Boolean);
    const name = one.name.toLowerCase();
    if (accepted.length && !accepted.some((end) => name.endsWith(end))) {
      return words.wrongType.replace("%(name)s", one.name);
    }
    const most = Number(form.dataset.maxBytes || 0);
    return most && one.size > most ? words.tooLarge : "";
  }

  function answer(xhr) {
    try { return JSON.parse(xhr.responseText); } catch { return {}; }
  }

  function send(form, one, alone) {
    const item = line(form, one);
    const bar = item.querySelector("progress");
    const problem = refusal(form, one);
    if (problem) {
      say(item, problem, "bad");
      return Promise.resolve(false);
    }
    const data = new FormData(form);
    const field = form.querySelector("input[type=file]").name;
    data.delete(field);
    data.append(field, one);
    return new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      xhr.open("POST", form.action);
      xhr.setRequestHeader("X-Requested-With", "XMLHttpRequest");
      xhr.setRequestHeader("Accept", "application/json");
      xhr.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        bar.max = event.total;
        bar.value = event.loaded;
        const percent = Math.floor((event.loaded / event.total) * 100);
        say(item, event.loaded === event.total ? words.processing : `${words.uploading} ${percent} %`);
      });
      xhr.addEventListener("load", () => {
        const body = answer(xhr);
        const target = xhr.getResponseHeader("HX-Redirect") || body.redirect;
        if (xhr.status >= 400 || body.error) {
          say(item, body.error || (xhr.status === 413 ? words.tooLarge : words.serverError), "bad");
          resolve(false);
          return;
        }
        bar.value = bar.max;
        say(item, "✓", "good");
        if (target && alone) window.location.assign(target);
        // A view that redirects plainly was followed by the browser: go where it led.
        else if (alone && xhr.responseURL && xhr.responseURL !== form.action) window.location.assign(xhr.responseURL);
        resolve(target || true);
      });
      xhr.addEventListener("error", () => { say(item, words.offline, "bad"); resolve(false); });
      xhr.send(data);
    });
  }

  async function take(form, files) {
    const all = [...files];
    if (!all.length || form.dataset.uploading) return;
    form.dataset.uploading = "1";
    form.querySelector("[data-upload-list]").replaceChildren();
    const results = [];
    for (const one of all) results.push(await send(form, one, all.length === 1));
    delete form.dataset.uploading;
    form.querySelector("input[type=file]").value = "";
    if (all.length > 1 && results.some(Boolean)) {
      document.body.dispatchEvent(new CustomEvent("uploads-done", { bubbles: true }));
      if (form.dataset.doneUrl && results.every(Boolean)) window.location.assign(form.dataset.doneUrl);
    }
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-upload]");
    if (form && event.target.matches("input[type=file]")) take(form, event.target.files);
  });

  ["dragenter", "dragover"].forEach((name) => document.addEventListener(name, (event) => {
    const zone = event.target.closest?.(".drop");
    if (!event.dataTransfer?.types.includes("Files")) return;
    // A file dropped beside the zone would replace the page.
    event.preventDefault();
    document.querySelectorAll(".drop.is-over").forEach((other) => { if (other !== zone) other.classList.remove("is-over"); });
    if (zone) zone.classList.add("is-over");
    else event.dataTransfer.dropEffect = "none";
  }));
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.querySelectorAll(".drop.is-over").forEach((zone) => zone.classList.remove("is-over"));
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const zone = event.target.closest?.(".drop");
    document.querySelectorAll(".drop.is-over").forEach((other) => other.classList.remove("is-over"));
    const form = zone?.closest("form[data-upload]");
    if (form) take(form, event.dataTransfer.files);
  });
})();
