// Canonical JSON (RFC 8785), as the logs write it.

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

/** The object in a text, which must be in canonical form. */
export function parseCanonical(text: string, what: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new ProofInvalid(`${what}: not JSON`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new ProofInvalid(`${what}: no object`);
  if (canonical(value) !== text) throw new ProofInvalid(`${what}: not in canonical form`);
  return value;
}
