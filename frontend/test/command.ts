// The page's checker as a command, for tests: reads one JSON object a line from its input, {"bundle", "block", "contracts",
// "witnesses", "needed"} or {"participation", "logKeys"}, and writes one list of claims a line; of {"terms", "purpose", "ancestors",
// "at"} and of {"study", "datasets", "custodian", "dataset", "at"} it writes the answer of the data-use layer, null where there is none.

import { readFileSync } from "node:fs";

import { ProofInvalid, text } from "../src/checker/bytes.ts";
import { checkBundle } from "../src/checker/check.ts";
import { match } from "../src/checker/data_use.ts";
import { parseDataset, parsePurpose } from "../src/checker/data_use_forms.ts";
import type { Study } from "../src/checker/events.ts";
import type { JsonObject } from "../src/checker/json.ts";
import { parseKey } from "../src/checker/note.ts";
import { checkParticipation } from "../src/checker/participation.ts";
import { type Dataset, judge } from "../src/checker/release.ts";

interface Job {
  bundle: string;
  block?: string;
  contracts?: Record<string, string>;
  witnesses?: string[];
  needed?: number;
  participation?: string;
  logKeys?: string[];
}

interface Match {
  terms: JsonObject;
  purpose: JsonObject;
  ancestors: Record<string, string[]>;
  at: number;
}

interface Judgement {
  study: Study;
  datasets: Record<string, Dataset>;
  custodian: string;
  dataset?: string;
  at: number;
}

function matched({ terms, purpose, ancestors, at }: Match) {
  const above = new Map(Object.entries(ancestors).map(([code, codes]) => [code, new Set(codes)]));
  try {
    return match(parseDataset(terms), parsePurpose(purpose), at, (code) => above.get(code));
  } catch (problem) {
    if (problem instanceof ProofInvalid) return null;
    throw problem;
  }
}

const judged = ({ study, datasets, custodian, dataset, at }: Judgement) =>
  judge(study, custodian, dataset, new Map(Object.entries(datasets)), at) ?? null;

/** Null for what is no proof at all. */
function refused(problem: unknown): null {
  if (problem instanceof ProofInvalid) return null;
  throw problem;
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const job = JSON.parse(line) as Job | Match | Judgement;
  if ("terms" in job || "study" in job) {
    console.log(JSON.stringify("terms" in job ? matched(job) : judged(job)));
    continue;
  }
  const { bundle, block = "", contracts = {}, witnesses = [], needed = witnesses.length, participation, logKeys = [] } = job;
  const keys = witnesses.map((key) => parseKey(key, "witness"));
  const trust = { keys, needed, block, contracts: new Map(Object.entries(contracts)) };
  if (participation) {
    const trusted = { keys: logKeys.map((key) => parseKey(key, "log")), needed: 0 };
    const found = checkParticipation(text(readFileSync(participation)), trusted);
    console.log(JSON.stringify(await found.catch(refused)));
    continue;
  }
  console.log(JSON.stringify(await checkBundle(new Uint8Array(readFileSync(bundle)), trust)));
}
