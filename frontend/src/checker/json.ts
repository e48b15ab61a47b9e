// Canonical JSON (RFC 8785), as the logs write it: ASCII keys, no fractions, no number that JSON readers round.

import { type Bytes, ProofInvalid, utf8 } from "./bytes.ts";

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

/** The deepest nesting of lists and objects. */
export const MAX_DEPTH = 64;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
const NOT_WHOLE = /^-?[0-9].*[.eE]/;
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

/** The bytes of which a value has one form alone; whatever has none is refused, and never read as something near to it. */
export function canonicalBytes(value: Json, what: string): Bytes {
  if (!isPlain(value, MAX_DEPTH)) throw new ProofInvalid(`${what}: it holds something that has no canonical form`);
  return utf8(canonical(value));
}

/** The object in a text, which must be in canonical form. */
export function parseCanonical(text: string, what: string, depth = MAX_DEPTH): JsonObject {
  const value = parseObject(text, what);
  if (!isPlain(value, depth) || canonical(value) !== text) throw new ProofInvalid(`${what}: not in canonical form`);
  return value;
}

/** The object in a text that may be indented, but must read in one way alone: no name twice, no number but whole ones. */
export function parsePlain(text: string, what: string): JsonObject {
  const value = parseObject(text, what);
  const names: (Set<string> | null)[] = [];
  let before = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") names.push(token === "{" ? new Set() : null);
    else if (token === "}" || token === "]") names.pop();
    else if (token === ":") {
      const [name, known] = [JSON.parse(before) as string, names.at(-1)!];
      if (known.has(name)) throw new ProofInvalid(`${what}: the name ${before} stands twice in one object`);
      known.add(name);
    } else if (token.includes("\\u") && LONE.test(JSON.parse(token) as string)) throw new ProofInvalid(`${what}: ${token} holds half of a surrogate pair`);
    else if (NOT_WHOLE.test(token)) throw new ProofInvalid(`${what}: the number ${token} is not written as a whole one`);
    before = token;
  }
  return value;
}

function parseObject(text: string, what: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new ProofInvalid(`${what}: not JSON`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new ProofInvalid(`${what}: no object`);
  return value;
}
