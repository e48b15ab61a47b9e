// The format of a bundle's documents, read exactly: a field more or less, or a value of another form, is refused.

import { ProofInvalid } from "./bytes.ts";
import type { Json, JsonObject } from "./json.ts";

export type Rule<Value> = (value: Json | undefined, what: string) => Value;
type Shape<Fields> = { [Name in keyof Fields]: Rule<Fields[Name]> };
export type Read<Found> = Found extends Rule<infer Value> ? Value : never;

export function rule<Value extends Json>(words: string, test: (value: Json | undefined) => boolean): Rule<Value> {
  return (value, what) => {
    if (!test(value)) throw new ProofInvalid(`${what}: not ${words}`);
    return value as Value;
  };
}

const hexOf = (words: string, pattern: RegExp) => rule<string>(words, (value) => typeof value === "string" && pattern.test(value));
export const hex = hexOf("0x and hex digits", /^0x(?:[0-9a-f]{2})*$/);
export const hex16 = hexOf("0x and 32 hex digits", /^0x[0-9a-f]{32}$/);
export const hex20 = hexOf("0x and 40 hex digits", /^0x[0-9a-f]{40}$/);
export const hex32 = hexOf("0x and 64 hex digits", /^0x[0-9a-f]{64}$/);
export const string = rule<string>("a string", (value) => typeof value === "string");
export const boolean = rule<boolean>("true or false", (value) => typeof value === "boolean");
export const count = rule<number>("a whole number", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
export const anyObject = rule<JsonObject>("an object", isObject);

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object's members; none of what is no object. */
export const mapping = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

export function object<Fields>(shape: Shape<Fields>): Rule<Fields> {
  const names = Object.keys(shape) as (keyof Fields & string)[];
  return (value, what) => {
    if (!isObject(value)) throw new ProofInvalid(`${what}: not an object`);
    const more = Object.keys(value).find((name) => !Object.hasOwn(shape, name));
    const missing = names.find((name) => !Object.hasOwn(value, name));
    if (more !== undefined) throw new ProofInvalid(`${what}: the field ${more} does not belong there`);
    if (missing !== undefined) throw new ProofInvalid(`${what}: the field ${missing} is missing`);
    return Object.fromEntries(names.map((name) => [name, shape[name](value[name], `${what}, ${name}`)])) as Fields;
  };
}

/** An object whose fields may be left out, or null: then they read as null. */
export function partial<Fields>(shape: Shape<Fields>): Rule<{ [Name in keyof Fields]: Fields[Name] | null }> {
  const rules = Object.entries(shape) as [keyof Fields, Rule<Fields[keyof Fields]>][];
  const whole = object(Object.fromEntries(rules.map(([name, one]) => [name, nullable(one)])) as Shape<{ [Name in keyof Fields]: Fields[Name] | null }>);
  return (value, what) => whole({ ...Object.fromEntries(rules.map(([name]) => [name, null])), ...anyObject(value, what) }, what);
}

export function list<Item>(item: Rule<Item>): Rule<Item[]> {
  return (value, what) => {
    if (!Array.isArray(value)) throw new ProofInvalid(`${what}: not a list`);
    return value.map((one) => item(one, what));
  };
}

export function record<Item>(item: Rule<Item>): Rule<Record<string, Item>> {
  return (value, what) => {
    const entries = Object.entries(anyObject(value, what)).map(([name, one]): [string, Item] => [name, item(one, what)]);
    return Object.fromEntries(entries);
  };
}

export const nullable = <Value>(inner: Rule<Value>): Rule<Value | null> => (value, what) => (value === null ? null : inner(value, what));

export const FORMAT = "consentry.bundle/1";
export const MANIFEST_TYPE = "consentry-bundle+jws";

export const README = "README.txt";
export const KEYS = "keys.json";
export const ENTRIES = "entries.ndjson";
export const CHECKPOINTS = "checkpoints.ndjson";
export const ANCHORS = "anchors.ndjson";
export const CONSISTENCY = "consistency.ndjson";
export const DECISIONS = "decisions.ndjson";
export const MEMBERS = "members.ndjson";
export const ERASED = "erased.ndjson";
export const CONSENTS = "consents.ndjson";
export const HEADERS = "headers.ndjson";
export const RECEIPTS = "receipts.ndjson";
export const MANIFEST = "manifest.json";
export const SIGNATURE = "manifest.jws";
/** The files in the order in which they stand; without rows MEMBERS is left out, and ERASED where none is. */
export const ORDER = [
  README, KEYS, ENTRIES, CHECKPOINTS, ANCHORS, CONSISTENCY, DECISIONS, MEMBERS, ERASED, CONSENTS, HEADERS, RECEIPTS, MANIFEST, SIGNATURE,
];

export const checkpointLine = object({ note: string });
export const anchorLine = object({ size: count, root: hex32, block: count, transaction: hex32 });
export const consistencyLine = object({ first: count, second: count, proof: list(hex32) });
export const decisionLine = object({ decision: hex32, index: count, block: count, request: anyObject, receipt: string });
export const memberLine = object({
  decision: hex32, subject: hex32, salt: hex16, outcome: string, reason: string, consent: nullable(hex32), version: count,
});
export const erasedLine = object({ decision: hex32, place: count, leaf: hex32 });
export const eventLine = object({ block: count, transaction: hex32, event: string, fields: anyObject });
export const headerLine = object({ rlp: hex });
export const receiptsLine = object({ block: count, nodes: list(hex) });
export const entryLine = object({ document: anyObject, leaf: hex32 });
export const keysDocument = object({ jwks: anyObject, checkpoint: list(string) });
export const manifestDocument = object({
  format: string,
  log: hex32,
  institution: string,
  created: count,
  entries: count,
  decisions: count,
  members: boolean,
  chain: object({ id: count, contracts: record(hex20) }),
  trusted: object({ number: count, hash: hex32 }),
  files: list(object({ name: string, size: count, sha256: hex32 })),
});
export type Manifest = Read<typeof manifestDocument>;
export type DecisionLine = Read<typeof decisionLine>;
export type MemberLine = Read<typeof memberLine>;

/** The payload of a decision receipt. */
export const decisionReceipt = object({
  decision: string,
  request: hex32,
  at: count,
  outcome: rule<"permit" | "deny" | "abstain">("an outcome", (value) => ["permit", "deny", "abstain"].includes(value as string)),
  reasons: list(string),
  consents: list(object({
    id: hex32,
    version: rule<number>("a version", (value) => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 2 ** 24),
  })),
  block: object({ number: count, hash: hex32 }),
  policy: string,
  valid_until: count,
  cohort: nullable(object({ size: count, root: hex32 })),
  codes: list(string),
  obligations: list(object({ id: string, properties: record(string) })),
});
export type DecisionReceipt = Read<typeof decisionReceipt>;
