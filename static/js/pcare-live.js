// Keeps the head of /dinkes/pcare/ current while the page is in view; without it the page is as true as its loading.
(() => {
  "use strict";
  const box = document.querySelector("[data-live]");
  if (!box) return;
  const refresh = async () => {
    if (document.hidden || box.contains(document.activeElement)) return;
    try {
      const answer = await fetch(box.dataset.live, { headers: { "X-Fragment": "live" }, redirect: "error" });
      if (answer.ok) box.innerHTML = await answer.text();
    } catch (error) {
      // The next turn tries again.
    }
  };
  setInterval(refresh, 5000);
})();
