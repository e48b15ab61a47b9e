// The data-use layer of a decision (`ledger.domain.release`): whether a custodian's datasets allow what a study does.
//
// Invariants: a request that names no dataset is about all that the custodian ever registered, and each of them must be active
// and allow the study; a document that is not in its form denies; the diseases' ancestors are those that the study states.

import { from0x, ProofInvalid, text } from "./bytes.ts";
import { type Ancestors, match, type Match, type Obligation } from "./data_use.ts";
import { type DatasetTerms, parseDataset, parsePurpose, type StudyPurpose } from "./data_use_forms.ts";
import type { Study } from "./events.ts";
import { type JsonObject, parseCanonical } from "./json.ts";
import { FOREVER, USES } from "./vocabulary.ts";

const MOST_DOCUMENT = 8192; // bytes, as the contract bounds them
const BY_OUTCOME = { deny: "data_use_denied", abstain: "data_use_unknown", permit: "permitted" } as const;

export interface Dataset {
  custodian: string;
  terms: string;
  closed: boolean;
}

/** What a custodian's datasets say of a request; without any it is undefined, and sets no limit. */
export interface Release {
  outcome: Match["outcome"];
  reason: string;
  codes: string[];
  obligations: Obligation[];
  until: number;
}

const refusal = (reason: string, ...codes: string[]): Release => ({ outcome: "deny", reason, codes, obligations: [], until: FOREVER });

/** Decide whether a custodian's datasets allow a study, at an instant; `dataset` is the one that the request names. */
export function judge(study: Study, custodian: string, dataset: string | undefined, datasets: Map<string, Dataset>, at: number): Release | undefined {
  let meant = [...datasets.values()].filter((one) => one.custodian === custodian);
  if (dataset !== undefined) {
    const named = datasets.get(dataset);
    if (!named) return refusal("dataset_unknown");
    if (named.custodian !== custodian) return refusal("dataset_of_another_custodian");
    meant = [named];
  }
  if (meant.some(({ closed }) => closed)) return refusal("dataset_not_active");
  if (!meant.length) return undefined;
  const purposes = readable(() => purposesOf(study));
  if (!purposes) return refusal("data_use_denied", "purpose");
  const found: Match[] = [];
  for (const one of meant) {
    const terms = readable(() => parseDataset(readDocument(one.terms, "terms")));
    if (!terms) return refusal("data_use_denied", "terms");
    found.push(...purposes.map((purpose) => match(terms, purpose, at, closures(study, terms))));
  }
  return together(found);
}

/** What is read; undefined where it is not in its form. */
function readable<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (problem) {
    if (problem instanceof ProofInvalid) return undefined;
    throw problem;
  }
}

function readDocument(data: string, what: string): JsonObject {
  const bytes = from0x(data);
  if (bytes.length > MOST_DOCUMENT) throw new ProofInvalid(`${what}: longer than an event can carry`);
  let words: string;
  try {
    words = text(bytes);
  } catch {
    throw new ProofInvalid(`${what}: not UTF-8`);
  }
  return parseCanonical(words, what);
}

/** What a study does: one purpose for each of its uses. */
function purposesOf({ uses, diseases, purpose }: Study): StudyPurpose[] {
  const said = purpose === "0x" ? {} : readDocument(purpose, "purpose");
  if ("use" in said || "diseases" in said) throw new ProofInvalid("purpose: the study's uses and diseases say this");
  parsePurpose(said);
  const named = diseases.length ? { diseases: diseases.map(([code]) => mondo(code!)) } : {};
  return USES.filter((_, bit) => uses & (1 << bit)).map((use) => parsePurpose({ ...said, ...named, use }));
}

const mondo = (number: number): string => `MONDO:${String(number).padStart(7, "0")}`;

/** The ancestry that the study states; of the codes that the dataset names it is known that they are codes. */
function closures({ diseases }: Study, terms: DatasetTerms): Ancestors {
  const topics = [...terms.modifiers.values()].flatMap((value) => (value instanceof Set ? [...value] : []));
  const known = new Map([...(terms.diseases ?? []), ...topics].map((code) => [code, new Set([code])]));
  for (const closure of diseases) known.set(mondo(closure[0]!), new Set(closure.map(mondo)));
  return (code) => known.get(code);
}

/** All of them must permit; the strictest answers for all, with the codes of its like. */
function together(found: Match[]): Release {
  const outcome = (["deny", "abstain"] as const).find((one) => found.some((match) => match.outcome === one)) ?? "permit";
  const alike = found.filter((one) => one.outcome === outcome);
  return {
    outcome,
    reason: BY_OUTCOME[outcome],
    codes: [...new Set(alike.flatMap(({ codes }) => codes))].sort(),
    obligations: alike.flatMap(({ obligations }) => obligations),
    until: Math.min(...found.map(({ until }) => until)),
  };
}
