/* The keys that came with the page, by family and name, as certificates/trust holds them. */

import { base64, sha256, toBase64 } from "./bytes.js";

/* One key: {family, kid, type, spki, name, mayIssue, notBefore, notAfter, usages, formats, issuer, iss, trust, list}, bytes in
   base64; `name` and `mayIssue` are an authority's. */
export class Trust {
  constructor(data) {
    this.pinned = Boolean(data.pinned);
    this.revoked = new Set(data.revoked || []);
    this.keys = data.keys.map((key) => ({ ...key, spki: base64(key.spki) }));
  }

  /* Every key of this name in this family; several may share one, and a pinned key without a name answers to every name. */
  find(kid, family) {
    const name = toBase64(kid);
    return this.all(family).filter((key) => key.kid === name || (this.pinned && key.kid === "" && name));
  }

  all(family) {
    return this.keys.filter((key) => key.family === "" || key.family === family);
  }

  /* True when one of these names of a code (its signature's half, its UVCI, country and UVCI) is on our list. */
  async isRevoked(names) {
    for (const name of names) {
      if (this.revoked.has(toBase64((await sha256(name)).slice(0, 16)))) return true;
    }
    return false;
  }
}
