// The log's side of a bundle: its files, its entries, their tree, the signed heads and the proofs between them. What
// rests on the chain (headers, receipts, consents, the decisions themselves) is left to `consentry verify`, and said so.

import { type Bytes, CannotCheck, equal, fromHex, ProofInvalid, sha256, text, toHex, utf8 } from "./bytes.ts";
import { canonical, type JsonObject, parseCanonical } from "./json.ts";
import { parseKey, readCheckpoint, verifyCheckpoint } from "./note.ts";
import { quorum, type Trust, WITNESSES } from "./proof.ts";
import { type Check, Trial } from "./report.ts";
import { Edge, leafHash, verifyConsistency } from "./tree.ts";
import { readZip } from "./zip.ts";

const FORMAT = "consentry.bundle/1";
const LAST = ["manifest.json", "manifest.jws"];

const ARCHIVE = {
  name: "archive",
  proves: "Every byte of the file belongs to the bundle; nothing was cut off, added or hidden.",
  doesNotProve: "That the content is true.",
};
const MANIFEST = {
  name: "manifest",
  proves: "The files are exactly those that the manifest lists, unchanged since it was written.",
  doesNotProve: "Who wrote the manifest.",
};
const ENTRIES = {
  name: "entries",
  proves: "Each entry stands at its place in this log, and has the fingerprint that the bundle states.",
  doesNotProve: "That these are the entries that were logged: the heads and the chain show that.",
};
const CHECKPOINTS = {
  name: "checkpoints",
  proves: "The log's key signed heads of exactly these entries; one of them covers all.",
  doesNotProve: "That the key is the institution's, unless you gave it yourself.",
};
const CONSISTENCY = {
  name: "consistency",
  proves: "Each anchored head provably extends the one before it (RFC 9162), and the entries extend the last.",
  doesNotProve: "That these heads are on the chain.",
};
const CHAIN = {
  name: "chain",
  proves: "The heads, the consents and the decisions are those of the chain whose block you trust.",
  doesNotProve: "Anything, here: this page does not read blocks.",
};

interface Manifest extends JsonObject {
  log: string;
  entries: number;
  files: JsonObject[];
}

interface Log {
  size: bigint;
  roots: Map<bigint, Bytes>;
}

/** Check a bundle, as far as a page can. */
export async function checkBundle(data: Bytes, trust: Trust): Promise<Check[]> {
  const trial = new Trial();
  let files = new Map<string, Bytes>();
  const opened = await trial.attempt(ARCHIVE, () => {
    files = readZip(data);
    return `${files.size} files`;
  });
  if (!opened) return trial.checks;
  await trial.attempt(MANIFEST, () => checkFiles(files));
  let log: Log | undefined;
  await trial.attempt(ENTRIES, async () => {
    log = await recompute(files);
    return `${log.size} entries`;
  });
  await trial.attempt(CHECKPOINTS, () => checkHeads(files, need(log), trust));
  await trial.attempt(CONSISTENCY, () => checkConsistency(files, need(log)));
  if (trust.needed) await trial.attempt(WITNESSES, () => checkWitnesses(files, need(log), trust));
  await trial.attempt(CHAIN, () => {
    throw new CannotCheck("for this, run: consentry verify BUNDLE --block HASH, with a block hash that you trust");
  });
  return trial.checks;
}

function need(log: Log | undefined): Log {
  if (!log) throw new CannotCheck("it rests on the claim 'entries', which does not hold");
  return log;
}

function manifestOf(files: Map<string, Bytes>): Manifest {
  const [manifest] = lines(files, "manifest.json");
  if (manifest?.["format"] !== FORMAT || !Array.isArray(manifest["files"])) throw new ProofInvalid(`not of the form ${FORMAT}`);
  return manifest as Manifest;
}

async function checkFiles(files: Map<string, Bytes>): Promise<string> {
  const { files: listed } = manifestOf(files);
  const names = [...listed.map((one) => String(one["name"])), ...LAST];
  if (names.join() !== [...files.keys()].join()) throw new ProofInvalid("the files are not those that the manifest lists");
  for (const one of listed) {
    const content = files.get(String(one["name"]))!;
    if (one["size"] !== content.length || one["sha256"] !== `0x${toHex(await sha256(content))}`) {
      throw new ProofInvalid(`${String(one["name"])}: its content is not the one that the manifest lists`);
    }
  }
  return `${names.length} files`;
}

async function recompute(files: Map<string, Bytes>): Promise<Log> {
  const manifest = manifestOf(files);
  const wanted = new Set(lines(files, "anchors.ndjson").map((one) => BigInt(Number(one["size"]))));
  for (const one of lines(files, "checkpoints.ndjson")) wanted.add(readCheckpoint(String(one["note"])).size);
  const edge = new Edge();
  const roots = new Map([[0n, await edge.root()]]);
  for (const line of lines(files, "entries.ndjson")) {
    const [document, stated] = [line["document"] as JsonObject, String(line["leaf"])];
    const leaf = await leafHash(utf8(canonical(document)));
    if (`0x${toHex(leaf)}` !== stated) throw new ProofInvalid(`entry ${edge.size}: changed: it does not have the fingerprint that was logged`);
    if (document["log"] !== manifest.log || document["index"] !== Number(edge.size)) {
      throw new ProofInvalid(`entry ${edge.size}: it says that it stands elsewhere`);
    }
    await edge.append(leaf);
    if (wanted.has(edge.size)) roots.set(edge.size, await edge.root());
  }
  if (edge.size !== BigInt(manifest.entries)) throw new ProofInvalid(`${edge.size} entries, the manifest says ${manifest.entries}`);
  return { size: edge.size, roots };
}

async function checkHeads(files: Map<string, Bytes>, log: Log, trust: Trust): Promise<string> {
  const own = lines(files, "keys.json")[0]?.["checkpoint"];
  const given = trust.keys.filter((key) => key.type === 1);
  const keys = given.length ? given : await Promise.all((own as string[]).map((key) => parseKey(key, "log")));
  const origin = `consentry/${manifestOf(files).log.slice(2)}`;
  let last = 0n;
  for (const one of lines(files, "checkpoints.ndjson")) {
    const head = await verifyCheckpoint(String(one["note"]), keys);
    const root = log.roots.get(head.size);
    if (head.origin !== origin || !root || !equal(root, head.root)) {
      throw new ProofInvalid(`the signed head of ${head.size} entries is not the head of the first ${head.size} entries here`);
    }
    if (head.size <= last) throw new ProofInvalid("the heads are not in the order of their sizes");
    last = head.size;
  }
  if (last !== log.size) throw new ProofInvalid(`no signed head covers all ${log.size} entries`);
  return `the last head is of ${last} entries, signed with ${given.length ? "the key you gave" : "a key that the bundle itself names"}`;
}

async function checkConsistency(files: Map<string, Bytes>, log: Log): Promise<string> {
  const heads = lines(files, "anchors.ndjson").map((one): [bigint, Bytes] => [
    BigInt(Number(one["size"])),
    fromHex(String(one["root"]).slice(2)),
  ]);
  for (const [size, root] of heads) {
    const own = log.roots.get(size);
    if (!own || !equal(own, root)) throw new ProofInvalid(`the anchored head of ${size} entries is not the head of the first ${size} here`);
  }
  const last = heads.at(-1);
  if (last && last[0] < log.size) heads.push([log.size, log.roots.get(log.size)!]);
  const proofs = lines(files, "consistency.ndjson");
  if (proofs.length !== Math.max(heads.length - 1, 0)) throw new ProofInvalid("not one proof from each head to the next");
  for (const [at, proof] of proofs.entries()) {
    const [[first, oldRoot], [second, newRoot]] = [heads[at]!, heads[at + 1]!];
    if (BigInt(Number(proof["first"])) !== first || BigInt(Number(proof["second"])) !== second) {
      throw new ProofInvalid("a proof is of other heads");
    }
    await verifyConsistency(first, second, oldRoot, newRoot, (proof["proof"] as string[]).map((hash) => fromHex(hash.slice(2))));
  }
  return `${proofs.length} proofs between ${heads.length} heads`;
}

async function checkWitnesses(files: Map<string, Bytes>, log: Log, trust: Trust): Promise<string> {
  for (const one of lines(files, "checkpoints.ndjson").reverse()) {
    const note = String(one["note"]);
    let names: string;
    try {
      names = await quorum(note, trust);
    } catch (problem) {
      if (problem instanceof CannotCheck) continue;
      throw problem;
    }
    const { size } = readCheckpoint(note);
    if (size < log.size) throw new CannotCheck(`${names} signed ${size} entries; the others are newer`);
    return names;
  }
  throw new CannotCheck(`no head has the signatures of ${trust.needed} of the witnesses you named`);
}

function lines(files: Map<string, Bytes>, name: string): JsonObject[] {
  const content = files.get(name);
  if (!content) throw new ProofInvalid(`${name} is missing`);
  const whole = text(content);
  if (whole && !whole.endsWith("\n")) throw new ProofInvalid(`${name}: the last line is not whole`);
  return whole.split("\n").slice(0, -1).map((line, at) => parseCanonical(line, `${name}, line ${at + 1}`));
}
