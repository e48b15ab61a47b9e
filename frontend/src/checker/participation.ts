// A patient's proof that their data were, or were not, in a computation: the entries against one signed head, and in each
// decision the patient's own row, or their bit over the register. Words and verdict are those of `consentry verify`.

import { inside } from "./bundle.ts";
import { CannotCheck, concat, from0x, ProofInvalid, sha256, utf8 } from "./bytes.ts";
import * as form from "./form.ts";
import { canonical, canonicalBytes, type Json, type JsonObject, parsePlain } from "./json.ts";
import { type Checkpoint, ownCheckpoint, verifyCheckpoint } from "./note.ts";
import type { Signers } from "./proof.ts";
import { type Check, Trial } from "./report.ts";
import { leafHash, rootFromInclusion, verifyInclusion } from "./tree.ts";

export const FORMAT = "consentry.participation/1";
const MOST_BYTES = 1 << 22;
const PAGE = 4096;
const BITS = PAGE / 8;

const HEAD = {
  name: "head",
  proves: "The log signed the head that everything else is proved to.",
  doesNotProve: "That others are shown the same log; witnesses and the chain's anchors prove that.",
};
const COMPUTATION = {
  name: "computation",
  proves: "The entry of the computation stands in the log, at its index and in its one form.",
  doesNotProve: "That the engine told the truth about what it computed.",
};
const DECISIONS = {
  name: "decisions",
  proves: "The entries of all decisions that the computation rests on stand in the log, before it.",
  doesNotProve: "That the engine asked for no other decision, which it did not name.",
};
const ROWS = {
  name: "rows",
  proves: "What was decided about this patient is committed to in each decision: in the cohort, refused, or not asked about.",
  doesNotProve: "Anything about anybody else; nor that the engine kept to the cohort that it was given.",
};

const entryProof = form.object({ document: form.anyObject, path: form.list(form.hex32) });
const rowProof = form.object({ permitted: form.boolean, salt: form.hex16, index: form.count, path: form.list(form.hex32) });
const pageProof = form.object({
  row: form.count, rows: form.count, row_salt: form.hex16, row_path: form.list(form.hex32),
  page: form.count, page_salt: form.hex16, considered: form.hex, permitted: form.hex, path: form.list(form.hex32),
});
const common = { entry: entryProof, row: form.nullable(rowProof), absence: form.nullable(form.string) };
const plain = form.object(common);
const paged = form.object({ ...common, page: form.nullable(pageProof) });
const decisionProof = (value: Json | undefined, what: string) =>
  form.isObject(value) && "page" in value ? paged(value, what) : { ...plain(value, what), page: null };
const participation = form.object({
  format: form.string, subject: form.hex32, checkpoint: form.string, computation: entryProof, decisions: form.list(decisionProof),
});
type Participation = form.Read<typeof participation>;
type EntryProof = form.Read<typeof entryProof>;
type DecisionProof = ReturnType<typeof decisionProof>;

/** Check a patient's proof. */
export async function checkParticipation(file: string, trust: Signers): Promise<Check[]> {
  if (utf8(file).length > MOST_BYTES) throw new ProofInvalid(`a proof for one patient is at most ${MOST_BYTES} bytes`);
  const what = "not a proof for one patient";
  const proof = participation(parsePlain(file, what), what);
  if (proof.format !== FORMAT) throw new ProofInvalid(`the format is '${proof.format}', not '${FORMAT}'`);
  const trial = new Trial();
  let head: Checkpoint | undefined;
  const place = (entry: EntryProof, what: string) => placed(entry, head, what);
  await trial.attempt(HEAD, async () => {
    ownCheckpoint(proof.checkpoint);
    head = await verifyCheckpoint(proof.checkpoint, trust.keys);
    return `${head.size} entries in ${head.origin}`;
  });
  await trial.attempt(COMPUTATION, () => {
    const { document } = proof.computation;
    const index = place(proof.computation, "the computation's entry");
    if (document["kind"] === "decision") throw new ProofInvalid(`entry ${index} is a decision, not a computation`);
    return `${String(document["kind"])} at index ${index}, ${String(document["operation"] || "no operation named")}`;
  });
  await trial.attempt(DECISIONS, () => {
    const last = place(proof.computation, "the computation's entry");
    const shown = proof.decisions.map(({ entry }) => entry.document["decision"]!);
    if (!shown.length || canonical(shown) !== canonical(named(proof.computation.document))) {
      throw new ProofInvalid("the decisions that are shown are not those that the computation names");
    }
    for (const { entry } of proof.decisions) {
      const index = place(entry, "a decision's entry");
      if (entry.document["kind"] !== "decision" || index >= last) throw new ProofInvalid(`entry ${index} is not a decision before the computation`);
    }
    return `${shown.length} decisions`;
  });
  await trial.attempt(ROWS, () => {
    const unproved: string[] = [];
    const words = proof.decisions.flatMap((one) => {
      place(one.entry, "a decision's entry");
      const decision = String(one.entry.document["decision"]);
      const found = inside(`decision ${decision}`, () => outcome(proof, one));
      if (found === "") unproved.push(decision);
      return found ? [`${decision}: ${found}`] : [];
    });
    if (unproved.length) {
      throw new CannotCheck(
        `${[...words, ""].join("; ")}${unproved.join(", ")}: the ledger states (with a signature that needs --jwks) that the patient was ` +
          "not considered; only somebody who holds all rows can prove that",
      );
    }
    return words.join("; ");
  });
  return trial.checks;
}

/** The index of an entry that is in the head. */
function placed({ document, path }: EntryProof, head: Checkpoint | undefined, what: string): number {
  if (!head) throw new CannotCheck("the head was not checked");
  const { index, log } = document;
  if (typeof index !== "number" || log !== `0x${head.origin.slice("consentry/".length)}`) {
    throw new ProofInvalid(`${what} says that it is of another log, or has no index`);
  }
  verifyInclusion(leafHash(canonicalBytes(document, what)), BigInt(index), head.size, path.map(from0x), head.root);
  return index;
}

/** The decisions that a computation names: the one that allowed it, then those asked for while it ran. */
function named(document: JsonObject): Json[] {
  const { decision, facts } = document;
  const found = form.isObject(facts) ? facts["rechecks"] : undefined;
  const rechecks = Array.isArray(found) ? found.filter((one) => typeof one === "string" && one) : [];
  return [...new Set([...(typeof decision === "string" && decision ? [decision] : []), ...rechecks])];
}

/** What was decided about the patient, in words; empty where the ledger only states that they were not considered. */
function outcome(proof: Participation, one: DecisionProof): string {
  const facts = form.mapping(one.entry.document["facts"]);
  const bit = one.page === null ? undefined : registered(proof.subject, facts, one.page);
  if (one.row) {
    const { permitted, salt, index, path } = one.row;
    const { size, root } = form.mapping(facts["cohort"]);
    const leaf = sha256(concat(Uint8Array.of(0), from0x(salt), from0x(proof.subject), Uint8Array.of(permitted ? 1 : 2)));
    verifyInclusion(leaf, BigInt(index), BigInt(form.count(size, "size")), path.map(from0x), from0x(form.hex32(root, "root")));
    if (one.page && bit !== permitted) throw new ProofInvalid("the patient's row and their bit in the register differ");
    return `the patient was ${permitted ? "in the cohort" : "refused, not in it"}`;
  }
  if (one.page) {
    if (bit !== null) throw new ProofInvalid("the patient was asked about, and their row is not shown");
    return "the patient was not asked about, not in it";
  }
  if (one.absence === null) throw new ProofInvalid("neither a row nor a statement that there is none");
  return "";
}

/** What the patient's bit says, once it is shown to be in the register's commitment: null, not asked about. */
function registered(subject: string, facts: JsonObject, page: form.Read<typeof pageProof>): boolean | null {
  const { considered, leaves, root } = form.mapping(facts["register"]);
  if (form.count(considered, "considered") !== form.mapping(facts["cohort"])["size"]) throw new ProofInvalid("its two commitments are to cohorts of different sizes");
  const size = BigInt(form.count(leaves, "its entry holds no commitment over a register"));
  const asked = from0x(page.considered);
  const allowed = from0x(page.permitted);
  if (asked.length !== BITS || allowed.length !== BITS || page.rows < 1 || page.rows > PAGE) {
    throw new ProofInvalid(`cohort proof: a page has 1 to ${PAGE} rows, and twice ${BITS} bytes of bits`);
  }
  const row = sha256(concat(Uint8Array.of(0), from0x(page.row_salt), from0x(subject)));
  const rows = rootFromInclusion(row, BigInt(page.row), BigInt(page.rows), page.row_path.map(from0x));
  const count = Uint8Array.of(page.rows >>> 8, page.rows & 0xff);
  const leaf = sha256(concat(Uint8Array.of(0), from0x(page.page_salt), rows, count, asked, allowed));
  verifyInclusion(leaf, BigInt(page.page), size, page.path.map(from0x), from0x(form.hex32(root, "root")));
  const bit = (bits: Uint8Array) => Boolean(bits[page.row >>> 3]! & (0x80 >>> (page.row & 7)));
  if (bit(allowed) && !bit(asked)) throw new ProofInvalid("cohort proof: the page permits a row that it did not consider");
  return bit(asked) ? bit(allowed) : null;
}

/** Whether a text is such a proof, by its format. */
export const isParticipation = (file: string): boolean => file.trimStart().startsWith("{") && file.includes(`"${FORMAT}"`);
