/* Checks a certificate code in the browser, with keys and revocations that came with the page: nothing is sent.
   Same steps and verdict names as certificates/hcert.py and certificates/shc.py, for codes signed with our keys. */
(function () {
  "use strict";

  var MAX_TEXT = 40000, MAX_INFLATED = 200000, MAX_DEPTH = 24;
  var BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

  function Refused(verdict) { this.verdict = verdict; }

  function refuse(verdict) { throw new Refused(verdict); }

  /* --- bytes and texts --- */

  function base45(text) {
    var out = [], values = [];
    for (var i = 0; i < text.length; i++) {
      var value = BASE45.indexOf(text[i]);
      if (value < 0) refuse("bad-base45");
      values.push(value);
    }
    if (values.length % 3 === 1) refuse("bad-base45");
    for (i = 0; i < values.length; i += 3) {
      var whole = i + 2 < values.length;
      var number = values[i] + 45 * values[i + 1] + (whole ? 2025 * values[i + 2] : 0);
      if (number > (whole ? 65535 : 255)) refuse("bad-base45");
      if (whole) out.push(number >> 8);
      out.push(number & 255);
    }
    return new Uint8Array(out);
  }

  function fromBase64(text) {
    var padded = text.replace(/-/g, "+").replace(/_/g, "/");
    var raw = window.atob(padded + "===".slice((padded.length + 3) % 4));
    return Uint8Array.from(raw, function (sign) { return sign.charCodeAt(0); });
  }

  function toBase64(bytes) { return window.btoa(String.fromCharCode.apply(null, bytes)); }

  function utf8(bytes) { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); }

  async function inflate(bytes, kind) {
    var reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(kind)).getReader();
    var parts = [], size = 0;
    try {
      for (;;) {
        var step = await reader.read();
        if (step.done) break;
        size += step.value.length;
        if (size > MAX_INFLATED) { reader.cancel(); refuse("bad-zlib"); }
        parts.push(step.value);
      }
    } catch (error) { refuse("bad-zlib"); }
    var out = new Uint8Array(size), at = 0;
    parts.forEach(function (part) { out.set(part, at); at += part.length; });
    return out;
  }

  /* --- CBOR, the part of it that certificates use; maps become Map, tags {tag, value} --- */

  function cbor(bytes) {
    var at = 0, view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

    function need(count) { if (count < 0 || at + count > bytes.length) throw new Error("short"); }

    function argument(info) {
      if (info < 24) return info;
      var size = { 24: 1, 25: 2, 26: 4, 27: 8 }[info];
      if (!size) throw new Error("length");
      need(size);
      var value = size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : size === 4 ? view.getUint32(at)
        : Number(view.getBigUint64(at));
      at += size;
      return value;
    }

    function simple(info) {
      if (info === 20 || info === 21) return info === 21;
      if (info === 22 || info === 23) return null;
      var size = { 25: 2, 26: 4, 27: 8 }[info];
      if (!size) throw new Error("simple");
      need(size);
      var value = size === 8 ? view.getFloat64(at) : size === 4 ? view.getFloat32(at) : NaN;
      at += size;
      return value;
    }

    function item(depth) {
      if (depth > MAX_DEPTH) throw new Error("deep");
      need(1);
      var head = bytes[at++], major = head >> 5, info = head & 31;
      if (major === 7) return simple(info);
      var number = argument(info), i;
      if (major === 0) return number;
      if (major === 1) return -1 - number;
      if (major === 2 || major === 3) {
        need(number);
        var part = bytes.slice(at, at + number);
        at += number;
        return major === 2 ? part : utf8(part);
      }
      if (major === 4) {
        need(number);
        var list = [];
        for (i = 0; i < number; i++) list.push(item(depth + 1));
        return list;
      }
      if (major === 5) {
        need(2 * number);
        var map = new Map();
        for (i = 0; i < number; i++) { var key = item(depth + 1); map.set(key, item(depth + 1)); }
        return map;
      }
      var value = item(depth + 1);
      return number < 2 ? value : { tag: number, value: value };
    }

    var result = item(0);
    if (at !== bytes.length) throw new Error("more");
    return result;
  }

  function decoded(bytes, verdict) {
    try { return cbor(bytes); } catch (error) { return refuse(verdict); }
  }

  function head(major, length) {
    if (length < 24) return [major << 5 | length];
    if (length < 256) return [major << 5 | 24, length];
    return [major << 5 | 25, length >> 8, length & 255];
  }

  function toBeSigned(protectedBytes, payload) {
    var name = new TextEncoder().encode("Signature1");
    return Uint8Array.from([].concat(
      [0x84], head(3, name.length), Array.from(name), head(2, protectedBytes.length), Array.from(protectedBytes),
      [0x40], head(2, payload.length), Array.from(payload)));
  }

  /* --- keys, time, revocation --- */

  async function signer(data, purpose, kid, signature, signed) {
    var known = data.keys.filter(function (key) { return key.purpose === purpose && key.kid === kid; });
    if (!known.length) refuse("unknown-key");
    for (var i = 0; i < known.length; i++) {
      var jwk = { kty: "EC", crv: "P-256", x: known[i].x, y: known[i].y };
      var key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
      var fits = signature.length === 64 &&
        await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, signed);
      if (fits) return known[i];
    }
    return refuse("bad-signature");
  }

  async function isRevoked(data, signature, identifier) {
    async function named(bytes) {
      var hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 16);
      return data.revoked.has(toBase64(hash));
    }
    if (await named(signature.slice(0, 32))) return true;
    return Boolean(identifier) && await named(new TextEncoder().encode(identifier));
  }

  function joined() { return Array.prototype.filter.call(arguments, Boolean).join(" "); }

  /* --- HC1 --- */

  async function hc1(text, data, now) {
    var packed = await inflate(base45(text.slice(4)), "deflate");
    var message = decoded(packed, "bad-cose");
    if (message && message.tag === 61) message = message.value;
    if (message && message.tag === 18) message = message.value;
    var well = Array.isArray(message) && message.length === 4 && message[1] instanceof Map &&
      [0, 2, 3].every(function (i) { return message[i] instanceof Uint8Array; });
    if (!well) refuse("bad-cose");
    var headers = message[0].length ? decoded(message[0], "bad-cose") : new Map();
    if (!(headers instanceof Map)) refuse("bad-cose");
    var claims = decoded(message[2], "bad-cbor");
    var subclaims = claims instanceof Map && claims.get(-260);
    var content = subclaims instanceof Map && subclaims.get(1);
    if (!(claims instanceof Map) || subclaims !== undefined && !(subclaims instanceof Map)) refuse("bad-cbor");
    if (content !== undefined && content !== false && !(content instanceof Map)) refuse("bad-cbor");
    var kid = headers.get(4) || message[1].get(4), algorithm = headers.get(1) || message[1].get(1);
    if (!(kid instanceof Uint8Array)) refuse("unknown-key");
    var signed = toBeSigned(message[0], message[2]);
    var key = await signer(data, "dcc", toBase64(kid), algorithm === -7 ? message[3] : new Uint8Array(0), signed);
    var issued = claims.get(6), expires = claims.get(4);
    var result = { format: "eu-dcc", issuer: data.issuer, facts: null };
    if (!Number.isInteger(issued) || !Number.isInteger(expires)) return Object.assign(result, { verdict: "bad-cbor" });
    var entry = content instanceof Map && Array.isArray(content.get("v")) && content.get("v")[0];
    if (entry instanceof Map) result.facts = hc1Facts(content, entry);
    else result.facts = { kind: "unknown" };
    if (issued > now || issued < key.notBefore) result.verdict = "not-yet-valid";
    else if (expires < now || issued > key.notAfter) result.verdict = "expired";
    else if (await isRevoked(data, message[3], result.facts.uvci)) result.verdict = "revoked";
    else result.verdict = "valid";
    return result;
  }

  function hc1Facts(content, entry) {
    var name = content.get("nam") instanceof Map ? content.get("nam") : new Map();
    return {
      kind: "vaccination",
      name: joined(name.get("gn") || name.get("gnt"), name.get("fn") || name.get("fnt")),
      birth_date: content.get("dob"),
      disease: entry.get("tg") === "840539006" ? "COVID-19" : entry.get("tg"),
      vaccine: entry.get("mp"),
      dose: entry.get("dn") + "/" + entry.get("sd"),
      date: entry.get("dt"),
      country: entry.get("co"),
      certificate_issuer: entry.get("is"),
      uvci: entry.get("ci")
    };
  }

  /* --- SMART Health Card --- */

  function jwsOf(text) {
    if (text.indexOf("shc:/") !== 0) return text.indexOf("shc:") === 0 ? refuse("bad-prefix") : text;
    var digits = text.slice(5);
    if (!/^(\d\d)+$/.test(digits)) refuse("bad-qr");
    return digits.match(/\d\d/g).map(function (pair) {
      if (Number(pair) > 77) refuse("bad-qr");
      return String.fromCharCode(Number(pair) + 45);
    }).join("");
  }

  async function card(text, data, now) {
    var parts = jwsOf(text).split("."), header, packed, signature;
    try {
      header = JSON.parse(utf8(fromBase64(parts[0])));
      packed = fromBase64(parts[1]);
      signature = fromBase64(parts[2]);
    } catch (error) { refuse("bad-jws"); }
    if (parts.length !== 3 || !header || typeof header !== "object") refuse("bad-jws");
    var signed = new TextEncoder().encode(parts[0] + "." + parts[1]);
    var key = await signer(data, "shc", header.kid, header.alg === "ES256" ? signature : new Uint8Array(0), signed);
    if (header.zip !== "DEF") refuse("bad-zlib");
    var inflated = await inflate(packed, "deflate-raw"), claims;
    try { claims = JSON.parse(utf8(inflated)); } catch (error) { refuse("bad-jws"); }
    if (key.iss && claims.iss !== key.iss) refuse("unknown-key");
    var result = { format: "shc", issuer: data.issuer, facts: cardFacts(claims) };
    if (claims.nbf > now) result.verdict = "not-yet-valid";
    else if (claims.exp < now) result.verdict = "expired";
    else if (await isRevoked(data, signature)) result.verdict = "revoked";
    else result.verdict = "valid";
    return result;
  }

  function cardFacts(claims) {
    try {
      var resources = claims.vc.credentialSubject.fhirBundle.entry.map(function (entry) { return entry.resource; });
      var find = function (type) { return resources.find(function (one) { return one.resourceType === type; }); };
      var person = find("Patient"), dose = find("Immunization"), coding = dose.vaccineCode.coding[0];
      return {
        kind: "vaccination",
        name: joined((person.name[0].given || []).join(" "), person.name[0].family),
        birth_date: person.birthDate,
        vaccine: (/cvx$/.test(coding.system) ? "CVX " : /icd/.test(coding.system) ? "ICD-11 " : "") + coding.code,
        date: dose.occurrenceDateTime,
        lot: dose.lotNumber,
        certificate_issuer: dose.performer && dose.performer[0].actor.display
      };
    } catch (error) { return { kind: "unknown" }; }
  }

  /* --- the door --- */

  window.canVerifyHere = function () {
    return Boolean(window.crypto && crypto.subtle && window.DecompressionStream && window.TextDecoder);
  };

  /* Resolves to {format, verdict, issuer, facts}; never rejects. */
  window.verifyCode = async function (text, data) {
    var now = Math.floor(Date.now() / 1000);
    text = text.trim().replace(/[\r\n\t]/g, "");
    try {
      if (text.length > MAX_TEXT) refuse("bad-prefix");
      if (text.indexOf("HC1:") === 0) return withoutFacts(await hc1(text, data, now));
      if (/^(shc:|eyJ)/.test(text)) return withoutFacts(await card(text, data, now));
      return refuse("bad-prefix");
    } catch (error) {
      return { format: "", verdict: error instanceof Refused ? error.verdict : "bad-cose", issuer: "", facts: null };
    }
  };

  /* A revoked code states what turned out to be wrong. */
  function withoutFacts(result) {
    if (["valid", "expired", "not-yet-valid"].indexOf(result.verdict) < 0) result.facts = null;
    return result;
  }
})();
