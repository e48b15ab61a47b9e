// Bytes, their texts and their hashes. Texts are read strictly: one value has one text, and everything else is refused.

import { sha256 as digest } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

export type Bytes = Uint8Array<ArrayBuffer>;

/** A check that does not hold; the message says what is wrong. */
export class ProofInvalid extends Error {}

/** Something that would be needed for a check is not there. */
export class CannotCheck extends Error {}

export const HASH_SIZE = 32;

const HEX = /^(?:[0-9a-f]{2})*$/;
const OCTETS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

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

export function toHex(data: Uint8Array): string {
  let hex = "";
  for (const byte of data) hex += OCTETS[byte];
  return hex;
}

/** The bytes of lower-case hex. */
export function fromHex(value: string): Bytes {
  if (!HEX.test(value)) throw new ProofInvalid("not lower-case hex");
  const data = new Uint8Array(value.length / 2);
  for (let at = 0; at < data.length; at += 1) data[at] = Number.parseInt(value.slice(2 * at, 2 * at + 2), 16);
  return data;
}

/** Lower-case hex with 0x in front, as JSON carries ids and hashes. */
export const to0x = (data: Uint8Array): string => `0x${toHex(data)}`;

/** The bytes of hex with 0x in front. */
export function from0x(value: string): Bytes {
  if (!value.startsWith("0x")) throw new ProofInvalid("not 0x and hex digits");
  return fromHex(value.slice(2));
}

/** The number that bytes write, the highest first. */
export const toNumber = (data: Uint8Array): bigint => (data.length ? BigInt(to0x(data)) : 0n);

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

/** The bytes of URL-safe base64 without padding, in its one form (RFC 4648 section 5). */
export function fromBase64url(value: string): Bytes {
  if (/[+/=]/.test(value)) throw new ProofInvalid("not base64url");
  return fromBase64(value.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat(-value.length & 3));
}

export const toBase64url = (data: Uint8Array): string =>
  toBase64(data).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

export const sha256 = (data: Uint8Array): Bytes => digest(data) as Bytes;
export const keccak256 = (data: Uint8Array): Bytes => keccak_256(data) as Bytes;

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
