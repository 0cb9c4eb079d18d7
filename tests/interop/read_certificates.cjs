// Reads certificates with npm packages that other people wrote; found through NODE_PATH, beside nothing of the portal.
// In: JSON with `signers` (PEM by kid), `jwks`, and codes by name under `hc1` and `shc`. Out: for each library and
// code what was read, or why it was refused.
const { X509Certificate } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { inflateRawSync } = require("node:zlib");
const { DCC } = require("dcc-utils");
const jose = require("node-jose");

function listOf(signers) {
  const list = {};
  for (const [kid, pem] of Object.entries(signers)) {
    const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
    list[kid] = { publicKeyPem: spki.toString("base64"), publicKeyAlgorithm: { name: "ECDSA", namedCurve: "P-256" } };
  }
  return list;
}

async function byDccUtils(code, given) {
  const certificate = await DCC.fromRaw(code);
  const signer = await certificate.checkSignatureWithKeysList(listOf(given.signers));
  if (!signer) throw new Error("signature does not match");
  if (!(await certificate.checkSignatureWithCertificate(given.signers[certificate.kid]))) throw new Error("no answer");
  return certificate.payload ?? "signature only";
}

async function byNodeJose(code, given) {
  const store = await jose.JWK.asKeyStore(given.jwks);
  const held = await jose.JWS.createVerify(store, { algorithms: ["ES256"] }).verify(code);
  return JSON.parse(inflateRawSync(held.payload));
}

async function answers(read, codes, given) {
  const said = {};
  for (const [name, code] of Object.entries(codes)) {
    try {
      said[name] = { read: await read(code, given) };
    } catch (error) {
      said[name] = { refused: `${error.name}: ${error.message}` };
    }
  }
  return said;
}

async function main() {
  const given = JSON.parse(readFileSync(0, "utf8"));
  const said = {
    "dcc-utils": await answers(byDccUtils, given.hc1, given),
    "node-jose": await answers(byNodeJose, given.shc, given),
  };
  process.stdout.write(JSON.stringify(said));
}

main();
