// Data use (`ledger.domain.data_use`): whether the terms of a dataset allow what a study does.
//
// Invariants: unknown is never yes, whatever is unknown: what was not said, a code that nothing is known of, a list that names
// nothing, no permission and two of them. A modifier only ever restricts, but for CC, which adds clinical care.
//
// Source: https://obofoundry.org/ontology/duo (GA4GH Data Use Ontology)

import type { DatasetTerms, StudyPurpose, TimeLimit } from "./data_use_forms.ts";
import { writeMoment } from "./moments.ts";
import { FOREVER } from "./vocabulary.ts";

/** True, false, or null for what is not known. */
type Truth = boolean | null;

/** A code and all that it lies below; undefined for a code that is not known. */
export type Ancestors = (code: string) => Set<string> | undefined;

export interface Obligation {
  id: string;
  properties: Record<string, string>;
}

/** The answer on one dataset and one purpose; `until`: the first instant at which time alone could change it. */
export interface Match {
  outcome: "permit" | "deny" | "abstain";
  codes: string[];
  obligations: Obligation[];
  until: number;
}

interface Asked {
  terms: DatasetTerms;
  purpose: StudyPurpose;
  at: number;
  ancestors: Ancestors;
}

const EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" ");
const EEA = [...EU, "IS", "LI", "NO"];

// For each use, the permissions that contain it wholly; DS and CC depend on more than the permission.
const ACCEPTED: Record<string, string[]> = {
  general: ["NRES", "GRU"],
  biomedical: ["NRES", "GRU", "HMB"],
  disease: ["NRES", "GRU", "HMB"],
  ancestry: ["NRES", "GRU", "POA"],
  methods: ["NRES", "GRU", "HMB", "DS", "POA"],
  "clinical-care": ["NRES"],
};

const undertaken = (name: string) => (_: never, { purpose }: Asked): Truth => purpose.undertakings?.has(name) || null;
const oneOf = (fact: "user" | "project" | "institution") => (named: Set<string>, { purpose }: Asked): Truth => {
  const given = purpose[fact];
  return given === null ? null : named.has(given);
};

// The forms guarantee the type of each modifier's value, and that there is a rule for each of its names.
const RULES: Record<string, (value: never, asked: Asked) => Truth> = {
  RS: (named: Set<string>, asked) => allOf([...(asked.purpose.topics ?? [])].map((one) => named.has(one) || within(one, named, asked.ancestors))),
  NMDS: (_, asked) => {
    const { use, diseases } = asked.purpose;
    if (use !== "methods") return use === null ? null : true;
    return asked.terms.permissions.has("DS") && Boolean(diseases?.size) && diseasesMatch(asked);
  },
  GSO: (_, { purpose }) => purpose.genotypes,
  NPU: (_, { purpose }) => purpose.nonprofit,
  NCU: (_, { purpose }) => negation(purpose.commercial),
  NPUNCU: (_, { purpose }) => allOf([purpose.nonprofit, negation(purpose.commercial)]),
  NPOA: (_, { purpose: { use, ancestry } }) => allOf([use === null ? null : use !== "ancestry", negation(ancestry)]),
  IRB: (_, { purpose: { ethics_approval: approval }, at }) => {
    if (approval === null) return null;
    return allOf([approval.from === null ? null : approval.from <= at, approval.until === null ? null : at < approval.until]);
  },
  PUB: undertaken("PUB"),
  RTN: undertaken("RTN"),
  // nobody named is nobody agreed with, so an empty list is never satisfied
  COL: (named: Set<string>, { purpose }) => (named.size && [...named].every((one) => purpose.agreements?.has(one)) ? true : null),
  GS: (named: Set<string>, { purpose }) =>
    allOf([purpose.recipient_region, purpose.processing_region].map((region) => (region === null ? null : inside(region, named)))),
  MOR: (until: number, { purpose }) => purpose.publication_date === null || purpose.publication_date >= until,
  TS: ({ expires }: TimeLimit, { at }) => (expires === null ? null : at < expires),
  US: oneOf("user"),
  PS: oneOf("project"),
  IS: oneOf("institution"),
  CC: () => true,
};

/** Decide whether a study may use a dataset, at an instant (seconds UTC). */
export function match(terms: DatasetTerms, purpose: StudyPurpose, at: number, ancestors: Ancestors): Match {
  const asked = { terms, purpose, at, ancestors };
  const found: [string, Truth][] = (terms.permissions.size ? [...terms.permissions] : ["permission"]).map((name) => [name, permission(asked)]);
  for (const [name, value] of terms.modifiers) {
    found.push([name, value === null && name !== "CC" ? null : RULES[name]!(value as never, asked)]);
  }
  for (const name of terms.unknown) found.push([name, null]);
  const until = nextChange(asked);
  for (const [truth, outcome] of [[false, "deny"], [null, "abstain"]] as const) {
    const codes = found.filter(([, one]) => one === truth).map(([name]) => name);
    if (codes.length) return { outcome, codes, obligations: [], until };
  }
  return { outcome: "permit", codes: [], obligations: obligationsOf(terms), until };
}

/** Whether the dataset's primary permission accepts the use. */
function permission(asked: Asked): Truth {
  const { terms, purpose: { use, diseases } } = asked;
  const [primary, ...more] = terms.permissions;
  if (primary === undefined || more.length || use === null) return null;
  if (use === "disease" && primary === "DS") return diseasesMatch(asked);
  // a study of a disease that names none has not said what it does
  if (ACCEPTED[use]!.includes(primary)) return use === "disease" && !diseases?.size ? null : true;
  if (use === "clinical-care" && terms.modifiers.has("CC")) return terms.modifiers.get("CC") === null ? null : true;
  return false;
}

/** Whether every disease of the study is one of the dataset's or a kind of one. */
function diseasesMatch({ terms, purpose, ancestors }: Asked): Truth {
  const named = terms.diseases;
  return named === null ? null : allOf([...(purpose.diseases ?? [])].map((one) => within(one, named, ancestors)));
}

/** Whether a code is one of those named or lies below one; unknown where one of them is not known at all. */
function within(code: string, named: Set<string>, ancestors: Ancestors): Truth {
  const above = ancestors(code);
  if (!above) return null;
  if ([...above].some((one) => named.has(one))) return true;
  return [...named].some((one) => !ancestors(one)) ? null : false;
}

/** Whether a region lies inside one of those named; the larger one may lie in the smaller, which is unknown. */
function inside(region: string, named: Set<string>): Truth {
  if ([...named].some((code) => wider(region).has(code.toUpperCase()))) return true;
  return [...named].some((code) => wider(code).has(region.toUpperCase())) ? null : false;
}

function wider(region: string): Set<string> {
  const code = region.toUpperCase();
  const country = code.split("-", 1)[0]!;
  const found = new Set([code, country]);
  if (EU.includes(country) || country === "EU") found.add("EU");
  if (EEA.includes(country) || country === "EU") found.add("EEA");
  return found;
}

const negation = (truth: Truth): Truth => (truth === null ? null : !truth);

/** Whether all hold; of nothing at all it is unknown. */
function allOf(truths: Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.length && !truths.includes(null) ? true : null;
}

function obligationsOf({ modifiers }: DatasetTerms): Obligation[] {
  const found: Obligation[] = ["PUB", "RTN"].filter((name) => modifiers.has(name)).map((id) => ({ id, properties: {} }));
  const [until, limit] = [modifiers.get("MOR"), modifiers.get("TS") as TimeLimit | null | undefined];
  if (typeof until === "number") found.push({ id: "MOR", properties: { not_before: writeMoment(until) } });
  if (typeof limit?.expires === "number") found.push({ id: "TS", properties: { expires: writeMoment(limit.expires) } });
  return found;
}

/** The next instant at which an approval begins or ends, or a time limit ends, of the modifiers that stand. */
function nextChange({ terms: { modifiers }, purpose: { ethics_approval: approval }, at }: Asked): number {
  const edges: (number | null | undefined)[] = [(modifiers.get("TS") as TimeLimit | null | undefined)?.expires];
  if (modifiers.has("IRB")) edges.push(approval?.from, approval?.until);
  return Math.min(FOREVER, ...edges.filter((edge) => typeof edge === "number" && edge > at) as number[]);
}
