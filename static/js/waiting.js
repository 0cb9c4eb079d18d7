/* Asks as often as the server says, shows what it answers, reloads the page when there is something to press. */
(function () {
  "use strict";
  var main = document.querySelector("[data-poll]");
  if (!main) return;
  var due = 0, timer = 0;

  function part(name) { return main.querySelector("[data-" + name + "]"); }
  function say(name, text) {
    var element = part(name);
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  }
  function later(seconds) {
    due = Date.now() + seconds * 1000;
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, seconds * 1000);
  }
  function show(told) {
    if (told.phase !== main.dataset.phase || (told.enter ? "1" : "0") !== main.dataset.enter) {
      window.location.reload();
      return;
    }
    say("headline", told.headline);
    say("detail", told.detail);
    say("message", told.message);
    document.title = told.headline;
    part("lost").hidden = true;
    main.dataset.interval = told.interval;
    later(told.interval);
  }
  function ask() {
    fetch(main.dataset.poll, { credentials: "same-origin", cache: "no-store" })
      .then(function (answer) {
        if (answer.status === 403) window.location.reload();
        if (!answer.ok) throw new Error(answer.status);
        return answer.json();
      })
      .then(show)
      .catch(function () {
        part("lost").hidden = false;
        later(Number(main.dataset.interval));
      });
  }
  /* A phone that was locked asks at once when it is overdue. */
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden && Date.now() >= due) ask();
  });
  later(Number(main.dataset.interval));
})();
