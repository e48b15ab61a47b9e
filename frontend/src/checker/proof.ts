// One entry against one signed head: a .tlog-proof file (C2SP tlog-proof).

import { type Bytes, CannotCheck, fromBase64, ProofInvalid } from "./bytes.ts";
import { WITNESSES } from "./claims.ts";
import { canonicalBytes, type JsonObject, parsePlain } from "./json.ts";
import { cosigned, type NoteKey, OWN, readCheckpoint, verifyCheckpoint } from "./note.ts";
import { type Check, Trial } from "./report.ts";
import { leafHash, verifyInclusion } from "./tree.ts";

export const HEADER = "c2sp.org/tlog-proof@v1";
const MOST_CHARACTERS = 1 << 17;

const INCLUSION = {
  name: "inclusion",
  proves: "The log signed a head that holds this entry at this index.",
  doesNotProve:
    "That what the entry says is true; nor, without the claim 'witnesses', that others are shown the same log.",
};
const PLACE = {
  name: "place",
  proves: "The entry says of itself that it stands in this log at this index, in its one canonical form.",
  doesNotProve: "That the entries before and after it are unchanged; an export and its anchors prove that.",
};
export interface Proof {
  index: bigint;
  path: Bytes[];
  note: string;
}

/** Whose signatures you trust: the log's keys, witnesses, and how many of these must have signed. */
export interface Signers {
  keys: NoteKey[];
  needed: number;
}

/** What a proof file says; nothing is verified. */
export function parseProof(file: string): Proof {
  if (file.length > MOST_CHARACTERS) throw new ProofInvalid(`a proof file has at most ${MOST_CHARACTERS} characters`);
  const at = file.indexOf("\n\n");
  const lines = file.slice(0, Math.max(at, 0)).split("\n");
  if (at < 0 || lines.shift() !== HEADER) throw new ProofInvalid(`not a proof file: its first line is ${HEADER}`);
  if (lines[0]?.startsWith("extra ")) fromBase64(lines.shift()!.slice("extra ".length));
  const index = /^index (0|[1-9][0-9]{0,18})$/.exec(lines.shift() ?? "")?.[1];
  if (index === undefined) throw new ProofInvalid("proof file: it needs a line with the index");
  return { index: BigInt(index), path: lines.map(fromBase64), note: file.slice(at + 2) };
}

/** Check a proof file with the entry, as the service answers it. */
export async function checkProof(file: string, entry: string, trust: Signers): Promise<Check[]> {
  const trial = new Trial();
  await trial.attempt(INCLUSION, async () => {
    const proof = parseProof(file);
    logOf(proof);
    const head = await verifyCheckpoint(proof.note, trust.keys);
    verifyInclusion(leafHash(canonicalBytes(documentOf(entry), "the entry")), proof.index, head.size, proof.path, head.root);
    return `entry ${proof.index} of ${head.size} in ${head.origin}`;
  });
  await trial.attempt(PLACE, () => {
    const proof = parseProof(file);
    const document = documentOf(entry);
    const { log, index } = document;
    if (log !== logOf(proof) || typeof index !== "number" || BigInt(index) !== proof.index) {
      throw new ProofInvalid(`the entry says that it stands at ${String(index)} in ${String(log)}`);
    }
    return `${String(document["kind"])} at ${String(document["time"])}`;
  });
  if (trust.needed) await trial.attempt(WITNESSES, () => quorum(parseProof(file).note, trust));
  return trial.checks;
}

/** Names the witnesses that signed a note, if they are enough. */
export async function quorum(note: string, trust: Signers): Promise<string> {
  const found = await cosigned(note, trust.keys);
  if (found.size < trust.needed) {
    throw new CannotCheck(`${found.size} of the witnesses you named signed this head, ${trust.needed} needed`);
  }
  return [...found].map(([name, at]) => `${name} at ${at}`).join(", ");
}

/** The id of the log that a proof is of, in 0x-hex. */
function logOf({ note }: Proof): string {
  const { origin } = readCheckpoint(note);
  const id = OWN.exec(origin)?.[1];
  if (id === undefined) throw new CannotCheck(`${origin} is not a Consentry log; check it with the tools of C2SP`);
  return `0x${id}`;
}

/** The entry itself, alone or inside the service's answer. */
function documentOf(entry: string): JsonObject {
  const value = parsePlain(entry, "the entry");
  const inner = value["document"];
  return inner !== null && typeof inner === "object" && !Array.isArray(inner) ? inner : value;
}
