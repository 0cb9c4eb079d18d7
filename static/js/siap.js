/* Progressive enhancement only: every page works without this file. */
(function () {
  "use strict";

  /* A second press of a submit button while the first is on its way is ignored and the button says so. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    var button = event.submitter;
    if (button) button.setAttribute("aria-disabled", "true");
    /* A download answers without leaving the page: give the button back after a while. */
    window.setTimeout(function () { release(form); }, 8000);
  });

  function release(form) {
    delete form.dataset.sent;
    form.querySelectorAll("[aria-disabled]").forEach(function (button) { button.removeAttribute("aria-disabled"); });
  }

  /* Back button: the browser shows the page as it was left, so free its buttons again. */
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(release);
  });

  function ready() {
    var summary = document.querySelector(".error-summary");
    if (summary) summary.focus();
    document.querySelectorAll("[data-needs-js]").forEach(function (element) { element.hidden = false; });
  }

  document.addEventListener("click", function (event) {
    var target = event.target.closest("[data-print],[data-copy]");
    if (!target) return;
    if (target.hasAttribute("data-print")) {
      window.print();
      return;
    }
    var source = document.querySelector(target.getAttribute("data-copy"));
    if (source && navigator.clipboard) {
      navigator.clipboard.writeText(source.value || source.textContent.trim()).then(function () {
        target.textContent = target.dataset.done || "✓";
      });
    }
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
