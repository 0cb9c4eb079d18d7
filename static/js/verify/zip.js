/* The one entry of a small zip archive (DIVOC), found by its central directory and read under the cap. */

import { utf8 } from "./bytes.js";
import { inflate, MAX_INFLATED, MAX_ZIP_ENTRIES } from "./limits.js";
import { refuse } from "./outcome.js";

const END = 0x06054b50, CENTRAL = 0x02014b50, LOCAL = 0x04034b50;
const END_SIZE = 22, CENTRAL_SIZE = 46, LOCAL_SIZE = 30;
const STORED = 0, DEFLATED = 8, ENCRYPTED = 1;

/* The bytes of entry `name`. Verdict bad-zlib for anything else than such an archive. */
export async function unzip(bytes, name) {
  let entry;
  try {
    entry = find(bytes, name);
  } catch {
    refuse("bad-zlib");
  }
  const content = entry.method === STORED ? entry.packed : await inflate(entry.packed, "deflate-raw", "bad-zlib");
  if (content.length > MAX_INFLATED || crc32(content) !== entry.crc) refuse("bad-zlib");
  return content;
}

function find(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - END_SIZE;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  const count = view.getUint16(end + 10, true);
  if (count > MAX_ZIP_ENTRIES) throw new Error("entries");
  let at = view.getUint32(end + 16, true), found = null;
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== CENTRAL) throw new Error("central");
    const [nameSize, extraSize, noteSize] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    if (nameAt(bytes, at + CENTRAL_SIZE, nameSize) === name) found = read(bytes, view, at, name);
    at += CENTRAL_SIZE + nameSize + extraSize + noteSize;
  }
  if (!found) throw new Error("missing");
  return found;
}

function nameAt(bytes, at, size) {
  return utf8(bytes.subarray(at, at + size));
}

function read(bytes, view, at, name) {
  const method = view.getUint16(at + 10, true), size = view.getUint32(at + 20, true), local = view.getUint32(at + 42, true);
  if (![STORED, DEFLATED].includes(method) || view.getUint16(at + 8, true) & ENCRYPTED) throw new Error("method");
  const nameSize = view.getUint16(local + 26, true), extraSize = view.getUint16(local + 28, true);
  const isLocal = view.getUint32(local, true) === LOCAL && nameAt(bytes, local + LOCAL_SIZE, nameSize) === name;
  if (!isLocal) throw new Error("local");
  const start = local + LOCAL_SIZE + nameSize + extraSize;
  if (start + size > bytes.length) throw new Error("short");
  return { method, packed: bytes.subarray(start, start + size), crc: view.getUint32(at + 16, true) };
}

function crc32(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return (rest ^ 0xffffffff) >>> 0;
}
