/* Countdown of a held place: shows minutes and seconds, warns in the last minute; the server alone decides. */
(function () {
  "use strict";
  var box = document.querySelector("[data-hold-seconds]");
  if (!box) return;
  var clock = box.querySelector("[data-hold-clock]");
  var warning = box.querySelector("[data-hold-warning]");
  var runs = box.querySelector("[data-hold-runs]");
  var over = box.querySelector("[data-hold-over]");
  var again = over.querySelector("form");
  var held, begun, begunOn, timer;

  /* Two clocks, and the one that went further counts: the phone's own time may be wrong, the other sleeps with it. */
  function left() {
    var passed = Math.max(performance.now() - begun, Date.now() - begunOn);
    return Math.max(0, Math.ceil(held - passed / 1000));
  }

  function show() {
    var seconds = left();
    clock.textContent = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
    warning.hidden = seconds > 60 || seconds === 0;
    over.hidden = seconds > 0;
    runs.hidden = seconds === 0;
    if (seconds === 0) {
      box.classList.replace("notice--info", "notice--warn");
      window.clearInterval(timer);
    }
  }

  function start(seconds) {
    held = seconds;
    begun = performance.now();
    begunOn = Date.now();
    clock.hidden = false;
    box.classList.replace("notice--warn", "notice--info");
    timer = window.setInterval(show, 1000);
    show();
  }

  /* Answers that are ticked and not sent yet stay on the page: only the place is asked for again. */
  function holdHere(event) {
    if (!document.querySelector('main input[type="radio"]')) return;
    event.preventDefault();
    fetch(again.action, { method: "POST", body: new FormData(again) })
      .then(function (answer) { return answer.text(); })
      .then(function (text) {
        var fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-hold-seconds]");
        runs.innerHTML = fresh.querySelector("[data-hold-runs]").innerHTML;
        clock = runs.querySelector("[data-hold-clock]");
        start(Number(fresh.dataset.holdSeconds));
      })
      .catch(function () { again.submit(); }); // no place, no network: the server's page says what can be done
  }

  if (again) again.addEventListener("submit", holdHere);
  start(Number(box.dataset.holdSeconds));
})();
