// Canonical JSON (RFC 8785), as the logs write it: ASCII keys, no fractions, no number that JSON readers round.

import { ProofInvalid } from "./bytes.ts";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** The canonical text of a value: keys in the order of their UTF-16 units, which is also what sort() uses. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort();
    return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name]!)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

const MAX_DEPTH = 64;
const LONE = /\p{Surrogate}/u;
const ASCII = /^[\u0000-\u007f]*$/;

function isPlain(value: Json, depth: number): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value === "string") return !LONE.test(value);
  if (value === null || typeof value !== "object") return true;
  if (!depth) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth - 1));
  return Object.entries(value).every(([name, item]) => ASCII.test(name) && isPlain(item, depth - 1));
}

/** The object in a text, which must be in canonical form. */
export function parseCanonical(text: string, what: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new ProofInvalid(`${what}: not JSON`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new ProofInvalid(`${what}: no object`);
  if (!isPlain(value, MAX_DEPTH) || canonical(value) !== text) throw new ProofInvalid(`${what}: not in canonical form`);
  return value;
}
