// Compact JWS with Ed25519 over canonical JSON, and the JWKS documents of their keys. The header says alg, kid and typ and
// nothing else, and a key's id is its thumbprint, so that nobody can publish another key under it.
//
// Source: https://www.rfc-editor.org/rfc/rfc7515, rfc7517, rfc7638 and rfc8037

import { type Bytes, CannotCheck, fromBase64url, ProofInvalid, sha256, signed, text, toBase64url, utf8 } from "./bytes.ts";
import { isObject } from "./form.ts";
import { canonical, type Json, type JsonObject, parseCanonical } from "./json.ts";

const MAX_SIZE = 1 << 20;

/** A key, and how its time ended: the last instant it signed for, and from when on it was in other hands. */
interface Key {
  bytes: Bytes;
  exp: number | null;
  revokedAt: number | null;
}

export class KeySet {
  readonly #keys = new Map<string, Key>();

  constructor(jwks: JsonObject) {
    const members = jwks["keys"];
    if (!Array.isArray(members) || !members.every(isObject)) throw new ProofInvalid('not a JWKS document: it needs a list of objects under "keys"');
    for (const member of members) if (member["crv"] === "Ed25519") this.#add(member);
  }

  #add(member: JsonObject) {
    const { x, kty, exp = null, revoked = null } = member;
    if ("d" in member || kty !== "OKP" || typeof x !== "string") throw new ProofInvalid("a JWK is malformed, or holds a private key");
    const bytes = fromBase64url(x);
    if (bytes.length !== 32) throw new ProofInvalid("an Ed25519 public key is 32 bytes");
    const kid = toBase64url(sha256(utf8(canonical({ crv: "Ed25519", kty: "OKP", x }))));
    if ("kid" in member && member["kid"] !== kid) throw new ProofInvalid("a JWK's kid is not its RFC 7638 thumbprint: the key or the id was changed");
    const revokedAt = isObject(revoked) ? (revoked["revoked_at"] ?? null) : revoked;
    this.#keys.set(kid, { bytes, exp: instant(exp), revokedAt: instant(revokedAt) });
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The payload of a JWS of some type, once its signature is checked; and the key that made it. */
  async open(jws: string, type: string): Promise<{ payload: JsonObject; kid: string }> {
    if (!this.size) throw new CannotCheck("JWS: no key is known; give the issuer's JWKS to check the signature");
    const [head = "", body = "", signature = "", ...rest] = jws.length <= MAX_SIZE ? jws.split(".") : [];
    if (!signature || rest.length) throw new ProofInvalid(`JWS: not three parts with dots between, or longer than ${MAX_SIZE} characters`);
    const header = parseCanonical(text(fromBase64url(head)), "JWS: malformed");
    const { kid } = header;
    if (typeof kid !== "string" || canonical(header) !== canonical({ alg: "EdDSA", kid, typ: type })) {
      throw new ProofInvalid(`JWS: the header must say alg "EdDSA", typ "${type}" and a kid, and nothing else`);
    }
    const key = this.#keys.get(kid);
    if (!key) throw new ProofInvalid(`signed with the key '${kid}', which is not among the ${this.size} trusted keys`);
    if (!(await signed(key.bytes, fromBase64url(signature), utf8(`${head}.${body}`)))) {
      throw new ProofInvalid(`the signature does not verify with the key '${kid}'`);
    }
    return { payload: parseCanonical(text(fromBase64url(body)), "JWS: the payload"), kid };
  }

  /** Returns if a key signed for the ledger at an instant; otherwise throws ProofInvalid. */
  checkInstant(kid: string, at: number): void {
    const { exp, revokedAt } = this.#keys.get(kid)!;
    if (revokedAt !== null && at >= revokedAt) {
      throw new ProofInvalid(`signed for ${at} with the key '${kid}', which was in other hands from ${revokedAt}`);
    }
    if (exp !== null && at > exp) throw new ProofInvalid(`signed for ${at} with the key '${kid}', which was retired at ${exp}`);
  }
}

function instant(value: Json): number | null {
  if (value !== null && (typeof value !== "number" || value < 0)) throw new ProofInvalid("a JWK's exp and revoked_at are whole seconds UTC");
  return value;
}
