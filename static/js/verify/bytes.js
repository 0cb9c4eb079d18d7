/* Texts and bytes. Every failure is a plain Error; who reads a code turns it into a verdict. */

const BASE45 = new Map([..."0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"].map((sign, value) => [sign, value]));

/* RFC 9285. */
export function base45(text) {
  const values = Array.from(text, (sign) => BASE45.get(sign));
  if (values.includes(undefined) || values.length % 3 === 1) throw new Error("base45");
  const bytes = [];
  for (let i = 0; i < values.length; i += 3) {
    const whole = i + 2 < values.length;
    const number = values[i] + 45 * values[i + 1] + (whole ? 2025 * values[i + 2] : 0);
    if (number > (whole ? 65535 : 255)) throw new Error("base45");
    if (whole) bytes.push(number >> 8);
    bytes.push(number & 255);
  }
  return Uint8Array.from(bytes);
}

export function base64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4) throw new Error("base64");
  return latin1(atob(text));
}

/* Base64url without padding, as JOSE writes it. */
export function base64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("base64url");
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  return latin1(atob(plain + "=".repeat((4 - (plain.length % 4)) % 4)));
}

/* Each character is one byte. */
export function latin1(text) {
  return Uint8Array.from(text, (sign) => {
    const code = sign.codePointAt(0);
    if (code > 255) throw new Error("latin-1");
    return code;
  });
}

export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function utf8(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function encoded(text) {
  return new TextEncoder().encode(text);
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
