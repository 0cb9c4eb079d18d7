/* CBOR of a stranger (RFC 8949) under caps. Maps become Map, byte strings Uint8Array, floats Float, tags Tag. */

import { utf8 } from "./bytes.js";
import { MAX_CBOR_DEPTH } from "./limits.js";

/* A number that was written as a float, so that it is never taken for a whole number. */
export class Float {
  constructor(number) { this.number = number; }
}

export class Tag {
  constructor(number, value) { Object.assign(this, { number, value }); }
}

/* Tags that would build something costly; none belongs into a certificate. A date tag is read as the text inside it. */
const FORBIDDEN = new Set([2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 43000, 52, 54, 100, 256, 258, 260, 261, 1004]);
const BREAK = Symbol("break");
const UINT = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, LIST = 4, MAP = 5, TAG = 6;

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  take(count) {
    if (this.at + count > this.bytes.length) throw new Error("short");
    this.at += count;
    return this.at - count;
  }

  /* The number after the head; null for an indefinite length. */
  argument(info) {
    if (info < 24) return info;
    if (info === 31) return null;
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[info];
    if (!size) throw new Error("length");
    const at = this.take(size);
    if (size === 8) return Number(this.view.getBigUint64(at));
    return size === 4 ? this.view.getUint32(at) : size === 2 ? this.view.getUint16(at) : this.view.getUint8(at);
  }

  item(depth) {
    if (depth > MAX_CBOR_DEPTH) throw new Error("deep");
    const head = this.bytes[this.take(1)];
    const major = head >> 5, info = head & 31;
    if (major === 7) return this.simple(info);
    const number = this.argument(info);
    if (major === BYTES || major === TEXT) return this.string(major, number);
    if (major === LIST) return this.list(number, depth);
    if (major === MAP) return this.map(number, depth);
    if (number === null) throw new Error("length");
    if (major === UINT) return number;
    if (major === NEGATIVE) return -1 - number;
    return this.tagged(number, depth);
  }

  tagged(number, depth) {
    if (FORBIDDEN.has(number)) throw new Error("tag");
    const value = this.item(depth + 1);
    if (value === BREAK) throw new Error("break");
    return number < 2 ? value : new Tag(number, value);
  }

  simple(info) {
    if (info === 20 || info === 21) return info === 21;
    if (info === 22) return null;
    if (info === 23) return undefined;
    if (info === 31) return BREAK;
    if (info === 25) { this.take(2); return new Float(NaN); }
    if (info === 26) return new Float(this.view.getFloat32(this.take(4)));
    if (info === 27) return new Float(this.view.getFloat64(this.take(8)));
    if (info === 24 && this.bytes[this.take(1)] < 32 || info > 24) throw new Error("simple");
    return new Float(NaN); // a simple value without a meaning
  }

  string(major, length) {
    if (length === null) return this.pieces(major);
    const at = this.take(length);
    const part = this.bytes.slice(at, at + length);
    return major === BYTES ? part : utf8(part);
  }

  pieces(major) {
    const parts = [];
    for (;;) {
      const head = this.bytes[this.take(1)];
      if (head === 0xff) break;
      const length = this.argument(head & 31);
      if (head >> 5 !== major || length === null) throw new Error("piece");
      parts.push(this.string(major, length));
    }
    return major === TEXT ? parts.join("") : Uint8Array.from(parts.flatMap((part) => [...part]));
  }

  list(length, depth) {
    if (length > this.bytes.length) throw new Error("short");
    const found = [];
    while (length === null || found.length < length) {
      const value = this.item(depth + 1);
      if (value === BREAK) {
        if (length === null) break;
        throw new Error("break");
      }
      found.push(value);
    }
    return found;
  }

  map(length, depth) {
    if (length > this.bytes.length) throw new Error("short");
    const found = new Map();
    for (let pair = 0; length === null || pair < length; pair++) {
      const key = this.item(depth + 1);
      if (key === BREAK) {
        if (length === null) break;
        throw new Error("break");
      }
      const value = this.item(depth + 1);
      if (value === BREAK) throw new Error("break");
      found.set(key, value);
    }
    return found;
  }
}

/* Exactly one item; any failure is an Error. */
export function decodeCbor(bytes) {
  const reader = new Reader(bytes);
  const item = reader.item(0);
  if (item === BREAK || reader.at !== bytes.length) throw new Error("more");
  return item;
}

/* Head of a CBOR item: major type and length below 65,536. */
export function cborHead(major, length) {
  if (length < 24) return Uint8Array.of((major << 5) | length);
  if (length < 256) return Uint8Array.of((major << 5) | 24, length);
  return Uint8Array.of((major << 5) | 25, length >> 8, length & 255);
}
