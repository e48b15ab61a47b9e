// The claims that a bundle makes, in the order in which they rest on each other: the words of `ledger.verify.claims`, which
// a test holds equal.

import type { Claim } from "./report.ts";

export const ARCHIVE: Claim = {
  name: "archive",
  proves: "Every byte of the file belongs to the bundle; nothing was cut off, added or hidden.",
  doesNotProve: "That the content is true.",
};
export const MANIFEST: Claim = {
  name: "manifest",
  proves: "The files are exactly those that the manifest lists, unchanged since it was written.",
  doesNotProve: "Who wrote the manifest.",
};
export const SIGNATURE: Claim = {
  name: "signature",
  proves: "A key that the bundle itself names signed the manifest.",
  doesNotProve: "That the key is the institution's: compare it with one that you have from elsewhere.",
};
export const HEADERS: Claim = {
  name: "headers",
  proves: "The block headers in the bundle form one chain that ends in the block hash you gave.",
  doesNotProve: "That this block is on the chain you mean: that is why you must know its hash from elsewhere.",
};
export const RECEIPTS: Claim = {
  name: "receipts",
  proves: "The transaction receipts in the bundle are in those blocks.",
  doesNotProve:
    "That the contract addresses are the consortium's: compare them with the ones it published. Transaction hashes " +
    "are given as a help to find them and are not proved.",
};
export const ANCHORS: Claim = {
  name: "anchors",
  proves: "These heads of the log were anchored by the AuditAnchor contract, each extending the one before, none left out.",
  doesNotProve: "That nothing was anchored after the last one shown, unless the claim 'completeness' passes as well.",
};
export const TREE: Claim = {
  name: "tree",
  proves: "The entries, recomputed, are exactly those whose root was anchored: none changed, removed, added or moved.",
  doesNotProve: "That what an entry says is true; only that it was said then and not changed since.",
};
export const TAIL: Claim = {
  name: "tail",
  proves: "Every entry is covered by a head that was anchored on the chain.",
  doesNotProve: "Entries after the last anchor are covered by signed checkpoints alone, which their signer could have forked.",
};
export const CHECKPOINTS: Claim = {
  name: "checkpoints",
  proves: "Each signed checkpoint in the bundle is of this log and has the root of these entries.",
  doesNotProve: "That the key is the institution's: the bundle names it itself.",
};
export const CONSISTENCY: Claim = {
  name: "consistency",
  proves: "Each anchored head provably extends the one before it (RFC 9162), and the entries extend the last.",
  doesNotProve: "Anything about entries that were never in a head.",
};
export const ACCESSES: Claim = {
  name: "accesses",
  proves: "Every data access recorded on the chain for this log is an entry of it, with the same study and engine.",
  doesNotProve: "That every access that took place was recorded.",
};
export const DECISIONS: Claim = {
  name: "decisions",
  proves:
    "Every decision in the log has its signed receipt, for the request shown, at a block of this chain, and stands " +
    "before every entry that names it.",
  doesNotProve: "That the signing key is the institution's: the bundle names it itself.",
};
export const HISTORY: Claim = {
  name: "history",
  proves: "The consents, withdrawals and registrations listed are what the contracts recorded, in that order.",
  doesNotProve: "That nothing was left out, unless the claim 'completeness' passes as well.",
};
export const COMPLETENESS: Claim = {
  name: "completeness",
  proves:
    "Between a subject's enrolment (a study's proposal, and so on) and the trusted block no further event about it " +
    "exists: the blooms of all blocks not shown in full exclude it.",
  doesNotProve:
    "What happened after the trusted block; and of a subject that a decision called unknown, that it was not enrolled " +
    "before the first block shown.",
};
export const COHORTS: Claim = {
  name: "cohorts",
  proves:
    "The subjects shown are exactly those that each decision committed to, with the same outcome; of each row that is " +
    "missing, the log tells that it was erased.",
  doesNotProve:
    "That everybody was considered who should have been; and that the computation used no other data: the gate " +
    "enforces that, not the log.",
};
export const REPLAY: Claim = {
  name: "replay",
  proves:
    "Each decision, computed again from the consents and the datasets' terms on the chain at its block, is the one " +
    "that was given.",
  doesNotProve:
    "That no event was left out, unless the claim 'completeness' passes as well; nor that the clock of the service " +
    "was right about the instant of the decision.",
};
export const WITNESSES: Claim = {
  name: "witnesses",
  proves: "Enough of the witnesses that you named saw this very head, so that no other log of this size can be shown.",
  doesNotProve: "That the witnesses are independent of the log and of each other.",
};

/** The claims of every bundle; WITNESSES is one more where some were named. */
export const ALL = [
  ARCHIVE, MANIFEST, SIGNATURE, HEADERS, RECEIPTS, ANCHORS, TREE, TAIL, CHECKPOINTS,
  CONSISTENCY, ACCESSES, DECISIONS, HISTORY, COMPLETENESS, COHORTS, REPLAY,
];
