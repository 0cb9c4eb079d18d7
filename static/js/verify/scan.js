/* Codes from the camera, a picture or a file. Browsers without a reader of QR codes get ours. */

import { toBase64 } from "./bytes.js";

const LOOK_EVERY = 200; // milliseconds
const OURS = /^(HC1:|shc:\/)/; // first: a page often carries other codes as well

/* `found` gets the text of a code. */
export function startScanning(form, page, found) {
  const status = form.querySelector("[data-scan-status]"), video = form.querySelector("[data-scan-video]");
  const button = form.querySelector("[data-scan-camera]"), file = document.getElementById("scan-file");
  let detector = null, stream = null;

  const opens = button.textContent;
  const say = (name) => { status.textContent = status.getAttribute(`data-text-${name}`) || ""; };

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    button.textContent = opens;
    video.classList.add("visually-hidden");
  }

  function give(text) {
    stop();
    say("found");
    found(text);
  }

  async function look() {
    if (!stream) return;
    const text = await read(video).catch(() => null);
    if (text && stream) give(text);
    else window.setTimeout(look, LOOK_EVERY);
  }

  async function read(picture) {
    const texts = (await detector.detect(picture)).map((code) => code.rawValue);
    return texts.find((text) => OURS.test(text)) || texts[0] || null;
  }

  /* A second press closes the camera again. */
  async function pressCamera() {
    if (stream) {
      stop();
      status.textContent = "";
      return;
    }
    say("reading");
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      video.srcObject = stream;
      button.textContent = button.dataset.textClose;
      video.classList.remove("visually-hidden");
      await video.play();
      look();
    } catch {
      stop();
      say("denied");
    }
  }

  async function readFile() {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    if (!chosen.type.startsWith("image/")) return give(await contentOf(chosen));
    const text = await createImageBitmap(chosen).then(read).catch(() => null);
    if (text) give(text);
    else say("none");
  }

  file.addEventListener("change", readFile);
  window.addEventListener("pagehide", stop);
  detectorFor(page).then((made) => {
    detector = made;
    form.querySelector("[data-needs-scanner]").hidden = false;
    form.dataset.scanner = "1";
    button.hidden = !navigator.mediaDevices?.getUserMedia;
    button.addEventListener("click", pressCamera);
  }, () => { /* pasting still works */ });
}

/* Text of a `.smart-health-card` or text file; a zip (DIVOC) in the form in which its codes are printed. */
async function contentOf(file) {
  const bytes = new Uint8Array(await file.slice(0, 200_000).arrayBuffer());
  return bytes[0] === 0x50 && bytes[1] === 0x4b ? `B64:${toBase64(bytes)}` : new TextDecoder().decode(bytes);
}

async function detectorFor(page) {
  const native = window.BarcodeDetector;
  const formats = native ? await native.getSupportedFormats().catch(() => []) : [];
  const Detector = formats.includes("qr_code") ? native : (await import(page.reader)).BarcodeDetector;
  return new Detector({ formats: ["qr_code"] });
}
