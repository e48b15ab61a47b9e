// The words of scopes and requests, in the order of their bits, and the masks of consents.

import { ProofInvalid } from "./bytes.ts";
import type { Json, JsonObject } from "./json.ts";

export const ANY16 = 0xffff;
export const ANY32 = 0xffff_ffff;
/** The end of an unbounded window: the largest uint40 of seconds. */
export const FOREVER = 0xff_ffff_ffff;

export const PURPOSES = [
  "no-restriction", "general-research", "health-research", "disease-research", "ancestry-research", "methods-development", "clinical-care",
];
export const USES = ["general", "biomedical", "disease", "ancestry", "methods", "clinical-care"];
export const CONDITIONS = [
  "commercial-use", "for-profit-recipient", "transfer-abroad", "recontact", "early-publication", "further-sharing", "linkage", "automated-decisions",
];
export const CATEGORIES = [
  "demographics", "diagnoses", "medications", "laboratory", "vitals", "procedures", "imaging", "genomics", "mental-health",
  "reproductive-health", "substance-use", "notes", "devices", "outcomes", "family-history", "social-history",
];
export const OPERATIONS = [
  "federated-learning", "multi-party-computation", "homomorphic-encryption", "differential-privacy", "synthetic-data",
  "deidentified-release", "aggregate-statistics", "risk-assessment", "record-access",
];
export const PERMIT = 1;
export const DENY = 2;
export const ZERO = /^0x0*$/;
const EFFECTS = ["", "permit", "deny"];
const RECIPIENTS = ["", "any", "institution", "study"];

/** What a consent allows or forbids; ids and hashes in 0x-hex, times in seconds UTC. */
export interface Scope {
  effect: number;
  recipientKind: number;
  recipient: string;
  purposes: number;
  conditions: number;
  operations: number;
  categories: number;
  validFrom: number;
  validUntil: number;
  dataFrom: number;
  dataUntil: number;
  diseases: number[];
  terms: string;
}

/** All bits of a table of words. */
export const known = (words: string[]): number => 2 ** words.length - 1;

export const hasOnly = (mask: number, allowed: number): boolean => !(mask & ~allowed);

/** The mask of a list of words. */
export function maskOf(words: Json | undefined, table: string[], what: string): number {
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string")) throw new ProofInvalid(`${what} must be a list of names`);
  return words.reduce<number>((mask, word) => {
    const bit = table.indexOf(word);
    if (bit < 0) throw new ProofInvalid(`${what} has no '${word}'; known are ${table.join(", ")}`);
    return mask | (1 << bit);
  }, 0);
}

const wordsOf = (mask: number, table: string[], anything: number): Json =>
  mask === anything ? "any" : table.filter((_, bit) => mask & (1 << bit));

const windowWords = (from: number, until: number): JsonObject => ({ from, until: until === FOREVER ? null : until });

/** A scope in the words of the API. */
export function scopeWords(scope: Scope): JsonObject {
  const [effect, kind] = [EFFECTS[scope.effect], RECIPIENTS[scope.recipientKind]];
  if (!effect) throw new ProofInvalid(`${scope.effect} is no effect`);
  const named = scope.diseases.filter(Boolean).map((code) => `MONDO:${String(code).padStart(7, "0")}`);
  return {
    effect,
    recipient: kind === "institution" || kind === "study" ? { [kind]: scope.recipient } : "any",
    purposes: wordsOf(scope.purposes, PURPOSES, ANY16),
    conditions: wordsOf(scope.conditions, CONDITIONS, ANY16),
    operations: wordsOf(scope.operations, OPERATIONS, ANY16),
    categories: wordsOf(scope.categories, CATEGORIES, ANY32),
    validity: windowWords(scope.validFrom, scope.validUntil),
    data_window: windowWords(scope.dataFrom, scope.dataUntil),
    terms: scope.terms,
    ...(named.length ? { diseases: named } : {}),
  };
}

/** Whether every value of a scope has a meaning here, exactly as the contract demands it. */
export function isUnderstood(scope: Scope): boolean {
  const masks: [number, number, string[]][] = [
    [scope.purposes, ANY16, PURPOSES],
    [scope.conditions, ANY16, CONDITIONS],
    [scope.operations, ANY16, OPERATIONS],
    [scope.categories, ANY32, CATEGORIES],
  ];
  const denies = scope.effect === DENY;
  const byDisease = scope.purposes !== ANY16 && Boolean(scope.purposes & 8);
  const names = scope.diseases.some(Boolean);
  return (
    Boolean(EFFECTS[scope.effect]) &&
    Boolean(RECIPIENTS[scope.recipientKind]) &&
    masks.every(([mask, anything, table]) => mask === anything || hasOnly(mask, known(table))) &&
    Boolean(scope.purposes && scope.operations && scope.categories) &&
    !(denies && !scope.conditions) &&
    scope.validFrom < scope.validUntil &&
    scope.dataFrom < scope.dataUntil &&
    (scope.recipientKind === 1) === ZERO.test(scope.recipient) &&
    byDisease === names &&
    !(denies && names) &&
    !ZERO.test(scope.terms)
  );
}
