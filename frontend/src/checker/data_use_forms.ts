// The forms of data use (`ledger.domain.data_use_forms` and `duo_terms`): what a dataset allows, and what a study does.
//
// Invariants: what is read is read whole, and everything else is refused. Of a study, a fact that is absent, null or an empty
// text is unknown. Of a dataset, a modifier that is absent or false does not restrict; one that is null is unknown.
//
// Source: https://obofoundry.org/ontology/duo (GA4GH Data Use Ontology)

import { ProofInvalid } from "./bytes.ts";
import { boolean, isObject, list, nullable, object, partial, type Read, rule, type Rule, string } from "./form.ts";
import type { Json, JsonObject } from "./json.ts";
import { addMonths, readMoment } from "./moments.ts";
import { USES } from "./vocabulary.ts";

const PERMISSIONS: Record<string, number> = { NRES: 4, GRU: 42, HMB: 6, DS: 7, POA: 11 };
const MODIFIERS: Record<string, number> = {
  RS: 12, NMDS: 15, GSO: 16, NPU: 45, NCU: 46, NPUNCU: 18, NPOA: 44, IRB: 21, PUB: 19, RTN: 29, COL: 20, GS: 22, MOR: 24, TS: 25,
  US: 26, PS: 27, IS: 28, CC: 43,
};
/** Terms that the ontology gave up, by their short names or, where it gives none, their ids. */
const GONE: Record<string, number> = { "DUO:0000002": 2, "DUO:0000003": 3, "GRU-CC": 5, RU: 14 };
const MOST_MONTHS = 12_000;
const MOST_NAME = 1000;
const OBO = /^(?:https?:\/\/purl\.obolibrary\.org\/obo\/)?([A-Za-z][A-Za-z0-9]*)_([0-9]+)$/;
// What Python takes for a blank; JavaScript's \s differs in six characters.
const BLANK = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

type Kind = "permission" | "modifier" | "deprecated";
interface Term {
  name: string;
  kind: Kind;
}
const TERMS = new Map<string, Term>();
for (const [kind, numbers] of [["permission", PERMISSIONS], ["modifier", MODIFIERS], ["deprecated", GONE]] as [Kind, Record<string, number>][]) {
  for (const [name, number] of Object.entries(numbers)) {
    for (const spelling of [name, `DUO:${String(number).padStart(7, "0")}`]) TERMS.set(spelling, { name, kind });
  }
}
// The OWL file of the ontology spells NPOA's id with one zero more than its CSV file.
TERMS.set("DUO:00000044", TERMS.get("NPOA")!);

/** The value of TS, once its end is computed; null where it is not known. */
export interface TimeLimit {
  expires: number | null;
}
/** The value of a modifier: true, the names or codes it is limited to, a moment or a time limit. */
export type Restriction = true | Set<string> | number | TimeLimit;

/** What a dataset allows; a modifier's value is null where it is not known. */
export interface DatasetTerms {
  permissions: Set<string>;
  diseases: Set<string> | null;
  modifiers: Map<string, Restriction | null>;
  /** Terms that the ontology gave up, and parts that were given as null: they can only abstain. */
  unknown: Set<string>;
}

function duoTerm(text: string, kind: Kind, what: string): Term {
  const term = TERMS.get(curie(text));
  if (!term || (term.kind !== "deprecated" && term.kind !== kind)) throw new ProofInvalid(`${what}: the Data Use Ontology has no such ${kind}`);
  return term;
}

/** The short form of an OBO code; other text stays. */
function curie(text: string): string {
  const found = OBO.exec(text);
  return found ? `${found[1]!}:${found[2]!}` : text;
}

const setOf = <Item>(item: Rule<Item>): Rule<Set<Item>> => (value, what) => new Set(list(item)(value, what));
const isText = (value: Json | undefined): value is string => typeof value === "string" && !BLANK.test(value);
const name = rule<string>("a name", (value) => isText(value) && [...value].length <= MOST_NAME);
const named = setOf(name);
const anyText = rule<string>("a code", isText);
const codes = setOf((value, what) => curie(anyText(value, what)));
const moment: Rule<number> = (value) => readMoment(value ?? null);
const months = rule<number>("a number of months", (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MOST_MONTHS);
const limit = partial({ months, granted: moment });
const timeLimit: Rule<TimeLimit> = (value, what) => {
  const { months: count, granted } = limit(value, what);
  return { expires: count === null || granted === null ? null : addMonths(granted, count) };
};
const undertaking: Rule<string> = (value, what) => {
  const term = duoTerm(string(value, what), "modifier", what);
  if (term.name !== "PUB" && term.name !== "RTN") throw new ProofInvalid(`${what}: a study can undertake PUB and RTN, nothing else`);
  return term.name;
};

const VALUES: Record<string, Rule<Restriction | boolean>> = {
  RS: codes, COL: named, GS: named, US: named, PS: named, IS: named, MOR: moment, TS: timeLimit,
};
const dataset = object({
  permission: nullable((value, what) => (typeof value === "string" ? [value] : list(string)(value, what))),
  diseases: nullable(codes),
  modifiers: nullable(rule<JsonObject>("an object", isObject)),
});
const purpose = partial({
  use: rule<string>("a use", (value) => USES.includes(value as string)),
  diseases: codes,
  topics: codes,
  user: name,
  project: name,
  institution: name,
  nonprofit: boolean,
  commercial: boolean,
  genotypes: boolean,
  ancestry: boolean,
  recipient_region: name,
  processing_region: name,
  ethics_approval: partial({ from: moment, until: moment }),
  agreements: named,
  undertakings: setOf(undertaking),
  publication_date: moment,
});
/** What a study does with the data, and what is on record of it; null is not known. */
export type StudyPurpose = Read<typeof purpose>;

/** Read the terms of a dataset. */
export function parseDataset(document: JsonObject, what = "terms"): DatasetTerms {
  const form = dataset({ permission: null, diseases: null, modifiers: {}, ...document }, what);
  const permissions = (form.permission ?? []).map((text) => duoTerm(text, "permission", what));
  const found: DatasetTerms = {
    permissions: new Set(permissions.filter(({ kind }) => kind === "permission").map(({ name: one }) => one)),
    diseases: form.diseases,
    modifiers: new Map(),
    unknown: new Set(permissions.filter(({ kind }) => kind === "deprecated").map(({ name: one }) => one)),
  };
  if (form.modifiers === null) found.unknown.add("modifiers");
  const seen = new Set<string>();
  for (const [key, value] of Object.entries(form.modifiers ?? {})) {
    const { name: term, kind } = duoTerm(key, "modifier", what);
    if (seen.has(term)) throw new ProofInvalid(`${what}: ${term} is given twice, under two spellings`);
    seen.add(term);
    if (value === false) continue;
    if (kind === "deprecated") found.unknown.add(term);
    else found.modifiers.set(term, value === null ? null : ((VALUES[term] ?? boolean)(value, what) as Restriction));
  }
  return found;
}

/** Read the purpose of a study. */
export function parsePurpose(document: JsonObject, what = "purpose"): StudyPurpose {
  const said = withoutEmpty(document);
  const approval = said["ethics_approval"];
  return purpose(isObject(approval) ? { ...said, ethics_approval: withoutEmpty(approval) } : said, what);
}

/** An object whose empty texts, which say nothing, are null. */
const withoutEmpty = (document: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(document).map(([field, value]) => [field, value === "" ? null : value]));
