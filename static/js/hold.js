/* Countdown of a held place: shows minutes and seconds, warns in the last minute; the server alone decides. */
(function () {
  "use strict";
  var box = document.querySelector("[data-hold-seconds]");
  if (!box) return;
  var clock = box.querySelector("[data-hold-clock]");
  var warning = box.querySelector("[data-hold-warning]");
  var runs = box.querySelector("[data-hold-runs]");
  var over = box.querySelector("[data-hold-over]");
  /* Measured against the monotonic clock: the phone's own time may be wrong. */
  var end = performance.now() + 1000 * Number(box.dataset.holdSeconds);
  clock.hidden = false;

  function show() {
    var left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    clock.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    warning.hidden = left > 60 || left === 0;
    over.hidden = left > 0;
    runs.hidden = left === 0;
    if (left === 0) {
      box.classList.replace("notice--info", "notice--warn");
      window.clearInterval(timer);
    }
  }
  var timer = window.setInterval(show, 1000);
  show();
})();
