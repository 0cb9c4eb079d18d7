/* What a verifier answers. Names and rules are those of certificates/verifying/verdicts.py. */

const SIGNED = new Set(["valid", "not-yet-valid", "expired", "wrong-key-usage", "revoked", "bad-schema", "bad-valueset"]);
/* A revoked code states what turned out to be wrong; one outside its schema cannot be read with confidence. */
const SHOWN = new Set(["valid", "not-yet-valid", "expired", "bad-valueset"]);

/* A step of the verification that failed. */
export class Refused extends Error {
  constructor(verdict) {
    super(verdict);
    this.verdict = verdict;
  }
}

/* Something this browser cannot do; the server has to answer. */
export class NotHere extends Error {}

export function refuse(verdict) {
  throw new Refused(verdict);
}

/* What the steps have found so far; `ended` holds back what an unproven signature must not say. */
export class State {
  constructor(format) {
    Object.assign(this, { format, issuer: "", trust: "", list: "", facts: {}, notes: [] });
  }

  /* Of foreign codes we know no revocations, and say so. */
  signedBy(key, ...notes) {
    const unchecked = key.trust === "own" ? [] : ["revocation-not-checked"];
    Object.assign(this, { issuer: key.issuer, trust: key.trust, list: key.list, notes: [...unchecked, ...notes] });
  }

  ended(verdict) {
    if (!SIGNED.has(verdict)) {
      const trust = this.trust === "unlisted" ? this.trust : "";
      return { format: this.format, verdict, facts: {}, issuer: "", trust, list: "", notes: [] };
    }
    return { ...this, verdict, facts: SHOWN.has(verdict) ? this.facts : {} };
  }
}

/* Runs the steps of one format; the first that fails names the verdict. */
export async function judged(format, steps) {
  const state = new State(format);
  try {
    await steps(state);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return state.ended(error.verdict);
  }
  return state.ended("valid");
}
