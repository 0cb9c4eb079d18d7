/* /verifikasi/: fill the box from the camera or from a picture, then send the form. The page works without this file. */
(function () {
  "use strict";

  var form = document.getElementById("verify-form");
  if (!form || !("BarcodeDetector" in window)) return;
  var box = form.querySelector("textarea");
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
