/* Desk: lists that refresh themselves, timers, and one key to say no to everything. Pages work without this file. */
(function () {
  "use strict";

  function refresh(box) {
    if (document.hidden || box.contains(document.activeElement)) return;
    fetch(box.dataset.refresh, { headers: { "X-Fragment": "list" }, credentials: "same-origin" })
      .then(function (answer) { return answer.ok && !answer.redirected ? answer.text() : null; })
      .then(function (html) {
        if (html === null || box.contains(document.activeElement)) return;
        box.innerHTML = html;
        box.removeAttribute("data-stale");
      })
      .catch(function () { box.setAttribute("data-stale", "1"); });
  }

  function tick() {
    var now = Date.now();
    document.querySelectorAll("[data-until]").forEach(function (element) {
      var left = Math.ceil((new Date(element.dataset.until).getTime() - now) / 1000);
      if (isNaN(left)) return;
      element.textContent = left <= 0
        ? element.dataset.done
        : Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    });
  }

  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-all-no]")) return;
    document.querySelectorAll('#screening input[type="radio"][value="tidak"]').forEach(function (radio) {
      var group = document.querySelectorAll('input[name="' + radio.name + '"]:checked');
      if (!group.length) radio.checked = true;
    });
    var next = document.getElementById("id_temperature_c");
    if (next) next.focus();
  });

  document.querySelectorAll("[data-refresh]").forEach(function (box) {
    window.setInterval(function () { refresh(box); }, Number(box.dataset.every || 20) * 1000);
  });
  tick();
  window.setInterval(tick, 1000);
})();
