/* /verifikasi/: fill the box from the camera or a picture, and check the code here in the browser.
   Without this file, or in a browser without the means, the form is sent and the server answers. */
(function () {
  "use strict";

  var form = document.getElementById("verify-form");
  if (!form) return;
  var box = form.querySelector("textarea");
  var result = document.getElementById("verdict");

  /* --- checking here --- */

  var source = document.getElementById("verify-data");
  var data = source && window.canVerifyHere && window.canVerifyHere() ? JSON.parse(source.textContent) : null;
  if (data) {
    data.revoked = null;
    fetch(data.revocations, { cache: "no-cache" }).then(function (answer) { return answer.text(); }).then(function (jws) {
      var body = jws.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
      var entries = JSON.parse(window.atob(body + "===".slice((body.length + 3) % 4))).entries;
      data.revoked = new Set([].concat(entries.UCI, entries.SIGNATURE));
      form.dataset.ready = "1";
    }, function () { /* without the list of revoked codes the server has to answer */ });
    form.addEventListener("submit", function (event) {
      if (!data.revoked || !box.value.trim()) return;
      event.preventDefault();
      window.verifyCode(box.value, data).then(show);
    });
  }

  function element(name, text, className) {
    var made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  /* A full date in words, in the language of the page; a year or a moment stays as the code has it. */
  function readable(name, value) {
    if (name === "country" && value === "ID") return "Indonesia";
    if (data.brands[value]) return data.brands[value];
    if (!/^\d{4}-\d\d-\d\d$/.test(value)) return String(value);
    var day = new Date(value + "T00:00:00Z");
    if (isNaN(day)) return String(value);
    var form = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
    return new Intl.DateTimeFormat(document.documentElement.lang, form).format(day);
  }

  function show(found) {
    var unknown = found.verdict === "valid" && found.facts && found.facts.kind === "unknown";
    var words = data.words[unknown ? "unknown-content" : found.verdict] || data.words["bad-base45"];
    var notice = element("div", "", "notice notice--" + words[0]);
    notice.append(element("h2", words[1], "notice__title"), element("p", words[2]));
    result.replaceChildren(notice);
    if (found.issuer) result.append(element("p", data.signed_by + " " + found.issuer + ". " + data.not_listed));
    var list = element("dl", "", "summary-list");
    data.labels.forEach(function (label) {
      var value = found.facts && !unknown && found.facts[label[0]];
      if (value) list.append(element("dt", label[1]), element("dd", readable(label[0], value)));
    });
    if (list.children.length) result.append(list, element("p", data.compare));
    result.append(element("p", data.forgotten, "hint"));
    result.dataset.verdict = found.verdict;
    result.hidden = false;
    box.value = "";
    result.focus();
  }

  /* --- scanning --- */

  if (!("BarcodeDetector" in window)) return;
  var status = form.querySelector("[data-scan-status]");
  var video = form.querySelector("[data-scan-video]");
  var cameraButton = form.querySelector("[data-scan-camera]");
  var file = document.getElementById("scan-file");
  var detector;
  var stream = null;

  function say(name) { status.textContent = status.getAttribute("data-text-" + name) || ""; }

  function found(text) {
    stop();
    box.value = text;
    say("found");
    form.requestSubmit();
  }

  function stop() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
    video.classList.add("visually-hidden");
  }

  /* Our two formats first: a page often carries other codes as well. */
  function best(codes) {
    var texts = codes.map(function (code) { return code.rawValue; });
    return texts.find(function (text) { return /^(HC1:|shc:\/)/.test(text); }) || texts[0];
  }

  function look() {
    if (!stream) return;
    detector.detect(video).then(function (codes) {
      if (codes.length) found(best(codes));
      else window.setTimeout(look, 200);
    }, function () { window.setTimeout(look, 500); });
  }

  function openCamera() {
    say("reading");
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).then(function (given) {
      stream = given;
      video.srcObject = given;
      video.classList.remove("visually-hidden");
      return video.play();
    }).then(look, function () { stop(); say("denied"); });
  }

  function readPicture() {
    if (!file.files.length) return;
    window.createImageBitmap(file.files[0]).then(function (bitmap) {
      return detector.detect(bitmap);
    }).then(function (codes) {
      file.value = "";
      if (codes.length) found(best(codes));
      else say("none");
    }, function () { file.value = ""; say("none"); });
  }

  window.BarcodeDetector.getSupportedFormats().then(function (formats) {
    if (formats.indexOf("qr_code") < 0) return;
    detector = new window.BarcodeDetector({ formats: ["qr_code"] });
    form.querySelector("[data-needs-scanner]").hidden = false;
    file.addEventListener("change", readPicture);
    if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
      cameraButton.hidden = false;
      cameraButton.addEventListener("click", openCamera);
    }
  });
  window.addEventListener("pagehide", stop);
})();
