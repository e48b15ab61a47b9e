// What a bundle shows of decisions: their signed receipts, and the rows that they committed to. A row that was erased counts
// for its commitment, and for nothing else.

import { type Bundle, inside, within } from "./bundle.ts";
import { type Bytes, CannotCheck, concat, from0x, ProofInvalid, sha256, to0x, utf8 } from "./bytes.ts";
import type { Interest, Linked } from "./chain.ts";
import type { Placed } from "./events.ts";
import * as form from "./form.ts";
import { canonical, type Json, type JsonObject } from "./json.ts";
import { mustBeKnown, type Recomputed } from "./log.ts";
import { Edge } from "./tree.ts";
import { CATEGORIES, FOREVER, maskOf, OPERATIONS, ZERO } from "./vocabulary.ts";

const PAGE = 4096; // rows of a register under one leaf
const OUTCOMES = ["permit", "deny", "abstain"];
export const REASONS = [
  "permitted", "unknown_code", "study_unknown", "study_not_active", "institution_not_active", "ethics_expired", "engine_unknown",
  "engine_not_active", "engine_of_another_institution", "operation_not_registered", "subject_unknown", "denied_by_subject",
  "reconsent_required", "not_covered", "no_consent", "pending_withdrawal", "erased", "dataset_unknown", "dataset_not_active",
  "dataset_of_another_custodian", "data_use_denied", "data_use_unknown", "ontology_disagrees", "not_final",
];
const ROW = { permit: Uint8Array.of(1), other: Uint8Array.of(2) };

/** What an engine asked to do. */
export interface Request {
  study: string;
  engine: string;
  operation: number;
  categories: number;
  dataFrom: number;
  dataUntil: number;
  dataset: string | undefined;
}

/** A decision: its line, its request, its opened receipt; its rows, and the leaves of its erased rows by their places. */
export interface Case {
  line: form.DecisionLine;
  request: Request;
  receipt: form.DecisionReceipt;
  members: form.MemberLine[];
  erased: Map<number, Bytes>;
}

/** Open every decision, in the order of their entries. */
export async function readCases(bundle: Bundle): Promise<Case[]> {
  const keys = bundle.receiptKeys();
  const cases: Case[] = [];
  for (const line of bundle.lines(form.DECISIONS, form.decisionLine)) {
    const what = `${form.DECISIONS}, decision ${line.decision}`;
    const request = inside(what, () => readRequest(line.request));
    const { payload, kid } = await keys.open(line.receipt, "consentry-decision+jws").catch(within(what));
    const receipt = inside(what, () => {
      const read = form.decisionReceipt(payload, "receipt");
      keys.checkInstant(kid, read.at);
      return read;
    });
    if (receipt.request !== to0x(sha256(utf8(canonical(line.request))))) throw new ProofInvalid(`${what}: the receipt is for another request`);
    if (receipt.decision !== line.decision || receipt.block.number !== line.block) {
      throw new ProofInvalid(`${what}: the receipt is of another decision or block`);
    }
    if (cases.length && cases.at(-1)!.line.index >= line.index) throw new ProofInvalid(`${what}: out of the order of the entries`);
    cases.push({ line, request, receipt, members: [], erased: new Map() });
  }
  if (cases.length !== bundle.manifest.decisions) {
    throw new ProofInvalid(`${form.DECISIONS}: ${cases.length} decisions, the manifest says ${bundle.manifest.decisions}`);
  }
  return cases;
}

/** Every decision entry has its receipt, they say the same, and the block is one of the chain. */
export function checkReceipts(cases: Case[], log: Recomputed, linked: Linked): string {
  mustBeKnown(log);
  if (log.early) {
    const { index, decision } = log.early;
    throw new ProofInvalid(`${form.ENTRIES}, entry ${index}: it names decision ${String(decision)}, which does not stand before it`);
  }
  const listed = new Set(cases.map(({ line }) => line.index));
  for (const [index, entry] of log.decisions) {
    if (!listed.has(index)) throw new ProofInvalid(`${form.DECISIONS}: the decision of entry ${index} (${String(entry["decision"])}) is missing`);
  }
  for (const { line, receipt } of cases) {
    const what = `${form.DECISIONS}, decision ${line.decision}`;
    const found = log.decisions.get(line.index);
    if (!found || !matches(found, line, receipt)) throw new ProofInvalid(`${what}: entry ${line.index} does not say the same`);
    if (linked.wanted.get(BigInt(receipt.block.number))?.hash !== receipt.block.hash) {
      throw new ProofInvalid(`${what}: its block ${receipt.block.number} is not the one on the chain`);
    }
  }
  return `${cases.length} decisions have their signed receipts, at blocks of this chain`;
}

function matches(entry: JsonObject, line: form.DecisionLine, receipt: form.DecisionReceipt): boolean {
  const { facts, decision, study, engine, operation, block } = entry;
  const { request } = line;
  if (!form.isObject(facts) || !receipt.cohort) return false;
  const pairs: [Json | undefined, Json | undefined][] = [
    [decision, line.decision],
    [study, request["study"]],
    [engine, request["engine"]],
    [operation, request["operation"]],
    [block, receipt.block],
    [facts["request"], receipt.request],
    [facts["receipt"], to0x(sha256(utf8(line.receipt)))],
    [facts["outcome"], receipt.outcome],
    [facts["at"], receipt.at],
    [facts["cohort"], receipt.cohort],
  ];
  return pairs.every(([one, other]) => canonical(one ?? null) === canonical(other ?? null));
}

/** What the decisions are about. */
export function interestOf(bundle: Bundle, cases: Case[]): Interest {
  const subjects = new Set<string>();
  if (bundle.manifest.members) for (const { subject } of bundle.lines(form.MEMBERS, form.memberLine)) subjects.add(subject);
  return {
    log: bundle.log,
    studies: new Set(cases.map(({ request }) => request.study)),
    engines: new Set(cases.map(({ request }) => request.engine)),
    subjects,
    datasets: new Set(cases.flatMap(({ request }) => request.dataset ?? [])),
  };
}

/** The cases with their rows, and with what is left of erased ones. */
export function withMembers(bundle: Bundle, cases: Case[]): Case[] {
  if (!bundle.manifest.members) throw new CannotCheck("the bundle was made without the subjects' rows: ask for one with them to check this");
  const rows = new Map<string, form.MemberLine[]>();
  const order: string[] = [];
  for (const line of bundle.lines(form.MEMBERS, form.memberLine)) {
    if (order.at(-1) !== line.decision) {
      order.push(line.decision);
      rows.set(line.decision, []);
    }
    rows.get(line.decision)!.push(line);
  }
  const wanted = cases.map(({ line }) => line.decision);
  if (order.join() !== wanted.filter((decision) => rows.has(decision)).join()) {
    throw new ProofInvalid(`${form.MEMBERS}: the rows are not in the order of the decisions, or of an unknown one`);
  }
  const erased = new Map<string, Map<number, Bytes>>();
  if (bundle.files.has(form.ERASED)) {
    for (const { decision, place, leaf } of bundle.lines(form.ERASED, form.erasedLine)) {
      const places = erased.get(decision) ?? new Map<number, Bytes>();
      if (places.has(place)) throw new ProofInvalid(`${form.ERASED}, decision ${decision}: row ${place} stands twice`);
      erased.set(decision, places.set(place, from0x(leaf)));
    }
  }
  if ([...erased.keys()].some((decision) => !wanted.includes(decision))) throw new ProofInvalid(`${form.ERASED}: a row is of an unknown decision`);
  return cases.map((one) => ({ ...one, members: rows.get(one.line.decision) ?? [], erased: erased.get(one.line.decision) ?? new Map() }));
}

/** The rows of each decision make its commitment and its counts. */
export function checkCohorts(cases: Case[], log: Recomputed, history?: Placed[]): string {
  let [rows, erased] = [0, 0];
  for (const one of cases) {
    const what = `${form.MEMBERS}, decision ${one.line.decision}`;
    checkWords(one);
    const permitted = one.members.filter(({ outcome }) => outcome === "permit").length;
    const cohort = inside(what, () => commitment(one));
    if (canonical(cohort) !== canonical(one.receipt.cohort)) throw new ProofInvalid(`${what}: the rows are not those that the decision committed to`);
    const facts = log.decisions.get(one.line.index)!["facts"] as JsonObject;
    if (facts["register"] !== undefined) checkRegister(what, facts["register"], one, history);
    if (facts["considered"] !== one.members.length + one.erased.size) throw new ProofInvalid(`${what}: entry ${one.line.index} counts other rows`);
    const hidden = typeof facts["permitted"] === "number" ? facts["permitted"] - permitted : -1;
    if (hidden < 0 || hidden > one.erased.size) throw new ProofInvalid(`${what}: entry ${one.line.index} counts other rows as permitted`);
    if (one.erased.size > (log.erasures.get(one.line.index) ?? 0)) throw new ProofInvalid(`${what}: rows are erased, and no entry of the log tells of it`);
    rows += one.members.length;
    erased += one.erased.size;
  }
  const detail = `${cases.length} commitments recomputed from ${rows} rows`;
  return erased ? `${detail}, and from the leaves of ${erased} that were erased, as the log says` : detail;
}

/** Hold what an entry says of its commitment over a register against the decision's rows and the chain. */
function checkRegister(what: string, said: Json, { receipt, members, erased }: Case, history?: Placed[]): void {
  const { considered, block: at, rows, leaves } = form.mapping(said);
  const { number, hash } = form.mapping(at);
  const size = members.length + erased.size;
  if (considered !== size) throw new ProofInvalid(`${what}: the commitment over a register is to another number of rows`);
  if (typeof rows !== "number" || typeof leaves !== "number" || typeof number !== "number") {
    throw new ProofInvalid(`${what}: the commitment over a register says no block, rows or leaves`);
  }
  if (number > receipt.block.number || (number === receipt.block.number && hash !== receipt.block.hash)) {
    throw new ProofInvalid(`${what}: the register is of another chain, or of a block after the decision's`);
  }
  const later = leaves - Math.ceil(rows / PAGE);
  if (rows < 0 || later < 0 || later > size || size > rows + later) {
    throw new ProofInvalid(`${what}: the commitment over a register has no place for its rows`);
  }
  if (!history) return;
  const before = new Set(history.flatMap(({ event, block }) => (event.kind === "SubjectEnrolled" && block <= number ? [event.subject] : [])));
  const late = members.filter(({ subject }) => !before.has(subject)).length;
  if (later < late || later > late + erased.size) {
    throw new ProofInvalid(`${what}: ${late} of its rows came after the register, which has leaves for ${later}`);
  }
}

/** Every outcome and reason of a decision's rows is one that there is. */
export function checkWords({ members, line }: Case): void {
  if (!members.every(({ outcome, reason }) => OUTCOMES.includes(outcome) && REASONS.includes(reason))) {
    throw new ProofInvalid(`${form.MEMBERS}, decision ${line.decision}: an outcome or reason is unknown`);
  }
}

/** The commitment of the first form: the root over salted leaves, in the order of the subject ids. */
function commitment({ members, erased }: Case): JsonObject {
  const sorted = [...members].sort((one, other) => (one.subject < other.subject ? -1 : 1));
  if (sorted.some(({ subject }, at) => subject === sorted[at + 1]?.subject)) {
    throw new ProofInvalid("a subject id is 32 bytes and stands in a cohort once");
  }
  const leaves = sorted.map(({ salt, subject, outcome }) =>
    sha256(concat(Uint8Array.of(0), from0x(salt), from0x(subject), outcome === "permit" ? ROW.permit : ROW.other)),
  );
  for (const [place, leaf] of [...erased].sort(([one], [other]) => one - other)) {
    if (place > leaves.length) throw new ProofInvalid(`an erased row is a leaf of 32 bytes at its place; ${place} is none of this cohort`);
    leaves.splice(place, 0, leaf);
  }
  const edge = new Edge();
  for (const leaf of leaves) edge.append(leaf);
  return { size: leaves.length, root: to0x(edge.root()) };
}

/** A request as the API words it. */
function readRequest(document: JsonObject): Request {
  const { study, engine, operation, categories, dataset } = document;
  const missing = ["study", "engine", "operation", "categories"].find((name) => !(name in document));
  if (missing) throw new ProofInvalid(`a request needs ${missing}`);
  const [dataFrom, dataUntil] = readWindow(document["data_window"]);
  if (dataFrom >= dataUntil) throw new ProofInvalid("the data window must start before it ends");
  const mask = maskOf(categories, CATEGORIES, "categories");
  if (!mask) throw new ProofInvalid("a request must name at least one category");
  return {
    study: id(study, "study"),
    engine: id(engine, "engine"),
    operation: maskOf([operation!], OPERATIONS, "operation"),
    categories: mask,
    dataFrom,
    dataUntil,
    dataset: dataset === undefined || dataset === null ? undefined : id(dataset, "dataset"),
  };
}

function id(value: Json | undefined, what: string): string {
  const text = form.hex32(value, what);
  if (ZERO.test(text)) throw new ProofInvalid(`${what} must not be zero`);
  return text;
}

function readWindow(document: Json | undefined): [number, number] {
  if (document === undefined || document === null) return [0, FOREVER];
  if (!form.isObject(document) || Object.keys(document).some((name) => name !== "from" && name !== "until")) {
    throw new ProofInvalid("data_window must be an object with from and until");
  }
  const [from, until] = [document["from"] ?? 0, document["until"] ?? FOREVER];
  for (const value of [from, until]) {
    if (typeof value !== "number" || value < 0 || value > FOREVER) throw new ProofInvalid("data_window must be in whole seconds UTC, or null");
  }
  return [from as number, until as number];
}
