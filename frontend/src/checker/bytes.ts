// Bytes and their texts, read strictly: one value has one text, and everything else is refused.

export type Bytes = Uint8Array<ArrayBuffer>;

/** A check that does not hold; the message says what is wrong. */
export class ProofInvalid extends Error {}

/** Something that would be needed for a check is not there. */
export class CannotCheck extends Error {}

export const HASH_SIZE = 32;

const HEX = /^(?:[0-9a-f]{2})*$/;

export const text = (data: Uint8Array): string => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
export const utf8 = (value: string): Bytes => new TextEncoder().encode(value);

export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export const toHex = (data: Uint8Array): string =>
  Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The bytes of lower-case hex. */
export function fromHex(value: string): Bytes {
  if (!HEX.test(value)) throw new ProofInvalid("not lower-case hex");
  return Uint8Array.from(value.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export const toBase64 = (data: Uint8Array): string => btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));

/** The bytes of standard base64 with padding, in its one form. */
export function fromBase64(value: string): Bytes {
  let data: Bytes;
  try {
    data = Uint8Array.from(atob(value), (letter) => letter.charCodeAt(0));
  } catch {
    throw new ProofInvalid("not base64");
  }
  if (toBase64(data) !== value) throw new ProofInvalid("not base64 in its one form");
  return data;
}

export const sha256 = async (data: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest("SHA-256", data));

/** Whether an Ed25519 key signed a message. */
export async function signed(key: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  let imported: CryptoKey;
  try {
    imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch (problem) {
    throw new CannotCheck(`this browser cannot check Ed25519 signatures (${String(problem)}); use a newer one`);
  }
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}
