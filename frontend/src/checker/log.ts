// What a bundle shows of the log: its entries against the anchored heads, checkpoints, proofs and access events. Every root
// is recomputed from the entries' own bytes; what the bundle states of a leaf or a root only names where it goes wrong.

import { type Bundle, inside, numbered, within } from "./bundle.ts";
import { type Bytes, CannotCheck, equal, from0x, ProofInvalid, to0x, toNumber, utf8 } from "./bytes.ts";
import { headsOf } from "./chain.ts";
import type { Head, Placed } from "./events.ts";
import * as form from "./form.ts";
import type { Json, JsonObject } from "./json.ts";
import { cosigned, type NoteKey, ownCheckpoint, verifyCheckpoint } from "./note.ts";
import { Edge, leafHash, verifyConsistency } from "./tree.ts";

const SCHEMA = "consentry.entry/1";
const ACCESSES = ["data.accessed", "data.disclosed", "computation.completed"];
const KINDS = [
  "decision", "computation.started", "computation.completed", "computation.failed", "computation.withheld", "data.accessed",
  "data.disclosed", "model.derived", "budget.reserved", "erasure", "override", "verification", "administration",
];
const ACCESS_SIZE = 40;

/** The log as its entries make it. */
export interface Recomputed {
  size: bigint;
  /** The root at each size that something in the bundle speaks of. */
  roots: Map<bigint, Bytes>;
  /** Leaf hash, study and engine of the entries that tell of an access. */
  accesses: Map<bigint, { leaf: string; study: Json | undefined; engine: Json | undefined }>;
  /** The entries of decisions. */
  decisions: Map<number, JsonObject>;
  /** How many erasures tell that a row beside a decision was destroyed, by the decision's index. */
  erasures: Map<Json, number>;
  /** The first index at which the stated leaf is not the entry's. */
  misfit: number | undefined;
  /** The first entry that names a decision which does not stand before it, and that decision. */
  early: { index: number; decision: Json } | undefined;
  /** The first index at which an entry is of a later schema than this checker knows. */
  newer: number | undefined;
}

/** Go on only where every entry can be read; the bytes of one of a later schema count for the tree all the same. */
export function mustBeKnown({ newer }: Recomputed): void {
  if (newer !== undefined) throw new CannotCheck(`entry ${newer} is of a later schema than ${SCHEMA}; use a newer checker`);
}

/** Read all entries and recompute the tree. */
export function recompute(bundle: Bundle): Recomputed {
  const sizes = new Set([BigInt(bundle.manifest.entries)]);
  for (const { size } of bundle.lines(form.ANCHORS, form.anchorLine)) sizes.add(BigInt(size));
  for (const { note } of bundle.lines(form.CHECKPOINTS, form.checkpointLine)) sizes.add(ownCheckpoint(note).size);
  const edge = new Edge();
  const found: Recomputed = {
    size: 0n, roots: new Map([[0n, edge.root()]]), accesses: new Map(), decisions: new Map(), erasures: new Map(), misfit: undefined,
    early: undefined, newer: undefined,
  };
  const decided = new Set<Json | undefined>();
  for (const { index, canonical, document, stated } of bundle.entries()) {
    const leaf = leafHash(utf8(canonical));
    if (to0x(leaf) !== stated) found.misfit ??= index;
    edge.append(leaf);
    if (sizes.has(edge.size)) found.roots.set(edge.size, edge.root());
    const { kind, study, engine, decision } = document;
    if (isLater(document["schema"])) {
      found.newer ??= index;
      continue;
    }
    if (document["schema"] !== SCHEMA || !KINDS.includes(kind as string)) {
      throw new ProofInvalid(`${form.ENTRIES}, entry ${index}: not of schema ${SCHEMA}, or of an unknown kind`);
    }
    if (kind === "decision") decided.add(decision);
    else if (typeof decision === "string" && decision && !decided.has(decision)) found.early ??= { index, decision };
    if (ACCESSES.includes(kind as string)) found.accesses.set(BigInt(index), { leaf: to0x(leaf), study, engine });
    else if (kind === "decision") found.decisions.set(index, document);
    else if (kind === "erasure") for (const one of openings(document)) found.erasures.set(one, (found.erasures.get(one) ?? 0) + 1);
  }
  found.size = edge.size;
  if (found.size !== BigInt(bundle.manifest.entries)) {
    throw new ProofInvalid(`${form.ENTRIES}: ${found.size} entries, the manifest says ${bundle.manifest.entries}`);
  }
  return found;
}

/** Whether a schema is a version of ours that came after this checker. */
function isLater(schema: Json | undefined): boolean {
  const version = typeof schema === "string" ? /^consentry\.entry\/([1-9][0-9]{0,8})$/.exec(schema)?.[1] : undefined;
  return version !== undefined && Number(version) > 1;
}

function openings(document: JsonObject): Json[] {
  const { facts } = document;
  const named = form.isObject(facts) ? facts["openings"] : undefined;
  return Array.isArray(named) ? named.filter((one) => typeof one === "number") : [];
}

/** The anchored heads, once the listing says exactly what the receipts prove and each extends the last. */
export function checkAnchors(bundle: Bundle, events: Placed[]): Head[] {
  const proved = headsOf(bundle.log, events);
  const listed = [...bundle.lines(form.ANCHORS, form.anchorLine)];
  let [size, root] = [0n, ""];
  for (const [number, { head, block }] of numbered(proved)) {
    if (head.previous_size !== size || (size && head.previous_root !== root)) {
      throw new ProofInvalid(`${form.ANCHORS}: the head of ${head.size} entries follows one of ${head.previous_size}, which is not shown`);
    }
    [size, root] = [head.size, head.root];
    const line = listed[number];
    if (!line || BigInt(line.size) !== size || line.root !== root || BigInt(line.block) !== block) {
      throw new ProofInvalid(`${form.ANCHORS}, line ${number + 1}: not the head of ${size} entries that block ${block} proves`);
    }
  }
  if (listed.length !== proved.length) throw new ProofInvalid(`${form.ANCHORS}, line ${proved.length + 1}: no receipt proves this head`);
  return proved.map(({ head }) => head);
}

/** The entries make the root of every anchored head. */
export function checkTree(log: Recomputed, heads: Head[]): string {
  if (log.misfit !== undefined) {
    throw new ProofInvalid(`${form.ENTRIES}, entry ${log.misfit}: changed: it does not have the leaf that was logged`);
  }
  let below = 0n;
  for (const { size, root } of heads) {
    if (size > log.size) throw new ProofInvalid(`${form.ENTRIES}: ${size} entries were anchored, only ${log.size} are here`);
    if (!isRoot(log, size, root)) {
      throw new ProofInvalid(
        `${form.ENTRIES}, entries ${below} to ${size - 1n}: their root is not the anchored one; ` +
          "at least one was changed, removed, added or moved",
      );
    }
    below = size;
  }
  if (!heads.length) throw new CannotCheck("no head of this log was anchored yet");
  return `entries 0 to ${below - 1n} make the roots of all ${heads.length} anchored heads`;
}

/** No entry is newer than the last anchor. */
export function checkTail(log: Recomputed, heads: Head[]): string {
  const anchored = heads.at(-1)?.size ?? 0n;
  if (anchored < log.size) {
    throw new CannotCheck(
      `entries ${anchored} to ${log.size - 1n} are newer than the last anchor: ` +
        "only signed checkpoints cover them, the chain does not yet",
    );
  }
  return `all ${log.size} entries are covered by the last anchored head`;
}

/** Each checkpoint is signed, of this log, and has the root of the entries; one covers them all. */
export async function checkCheckpoints(bundle: Bundle, log: Recomputed, given: NoteKey[]): Promise<string> {
  const keys = given.length ? given : bundle.checkpointKeys();
  const sizes: bigint[] = [];
  for (const [number, { note }] of numbered(bundle.lines(form.CHECKPOINTS, form.checkpointLine))) {
    const what = `${form.CHECKPOINTS}, line ${number + 1}`;
    const { origin, size, root } = await verifyCheckpoint(note, keys).catch(within(what));
    if (origin !== `consentry/${bundle.log.slice(2)}`) throw new ProofInvalid(`${what}: checkpoint: it is of ${origin}`);
    if (size > log.size || !isRoot(log, size, to0x(root))) throw new ProofInvalid(`${what}: its root is not that of the first ${size} entries`);
    if (size <= (sizes.at(-1) ?? -1n)) throw new ProofInvalid(`${form.CHECKPOINTS}: not in the order of their sizes, or one twice`);
    sizes.push(size);
  }
  if (log.size && sizes.at(-1) !== log.size) throw new ProofInvalid(`${form.CHECKPOINTS}: none covers all ${log.size} entries`);
  const last = `${sizes.length} signed checkpoints, the last of ${log.size} entries`;
  return given.length ? `${last}, all by the key that you gave` : last;
}

/** Enough witnesses signed a head that covers all entries. */
export async function checkWitnesses(bundle: Bundle, log: Recomputed, witnesses: NoteKey[], needed: number): Promise<string> {
  let [newest, names] = [0n, ""];
  for (const { note } of bundle.lines(form.CHECKPOINTS, form.checkpointLine)) {
    const found = await cosigned(note, witnesses);
    if (found.size >= needed) [newest, names] = [ownCheckpoint(note).size, [...found.keys()].sort().join(", ")];
  }
  if (!newest) throw new CannotCheck(`no head in the bundle has the signatures of ${needed} of the witnesses you named`);
  if (newest < log.size) throw new CannotCheck(`${names} signed ${newest} entries; entries ${newest} to ${log.size - 1n} are newer`);
  return `${names} signed the head of all ${newest} entries`;
}

/** The consistency proofs lead from each anchored head to the next, and from the last to all entries. */
export function checkConsistency(bundle: Bundle, log: Recomputed, heads: Head[]): string {
  const stations = heads.map(({ size, root }): [bigint, Bytes] => [size, from0x(root)]);
  const anchored = heads.at(-1);
  if (anchored && anchored.size < log.size) stations.push([log.size, log.roots.get(log.size)!]);
  const lines = [...bundle.lines(form.CONSISTENCY, form.consistencyLine)];
  const pairs = stations.slice(1).map((next, at): [[bigint, Bytes], [bigint, Bytes]] => [stations[at]!, next]);
  const fits = pairs.every(([[old], [next]], at) => BigInt(lines[at]?.first ?? -1) === old && BigInt(lines[at]?.second ?? -1) === next);
  if (lines.length !== pairs.length || !fits) throw new ProofInvalid(`${form.CONSISTENCY}: not one proof from each anchored head to the next`);
  for (const [at, [[oldSize, oldRoot], [newSize, newRoot]]] of numbered(pairs)) {
    inside(`${form.CONSISTENCY}, line ${at + 1}`, () => {
      verifyConsistency(oldSize, newSize, oldRoot, newRoot, lines[at]!.proof.map(from0x));
    });
  }
  return `${lines.length} consistency proofs`;
}

/** Every access event on the chain is an entry. */
export function checkAccesses(bundle: Bundle, log: Recomputed, events: Placed[]): string {
  mustBeKnown(log);
  const told = new Set<bigint>();
  for (const { event, block } of events) {
    if (event.kind !== "AccessesRecorded" || event.log !== bundle.log) continue;
    const packed = from0x(event.entries);
    if (packed.length % ACCESS_SIZE) throw new ProofInvalid(`block ${block}: ${packed.length} bytes are no whole number of access entries`);
    for (let at = 0; at < packed.length; at += ACCESS_SIZE) {
      const index = toNumber(packed.subarray(at, at + 8));
      if (told.has(index)) throw new ProofInvalid(`entry ${index}: the chain records its access twice`);
      told.add(index);
      const found = log.accesses.get(index);
      if (found?.leaf !== to0x(packed.subarray(at + 8, at + ACCESS_SIZE))) {
        throw new ProofInvalid(`${form.ENTRIES}, entry ${index}: the chain records an access with another content (block ${block})`);
      }
      if (found.study !== event.study || found.engine !== event.engine) {
        throw new ProofInvalid(`${form.ENTRIES}, entry ${index}: the chain records another study or engine`);
      }
    }
  }
  return `${told.size} accesses on the chain are entries of the log; ${log.accesses.size - told.size} such entries have none there (yet)`;
}

function isRoot(log: Recomputed, size: bigint, root: string): boolean {
  const own = log.roots.get(size);
  return own !== undefined && equal(own, from0x(root));
}
