// Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

import { type Bytes, CannotCheck, concat, equal, fromBase64, HASH_SIZE, ProofInvalid, sha256, signed, toHex, utf8 } from "./bytes.ts";

const LOG = 1;
const WITNESS = 4;
const MOST_CHARACTERS = 65_536;
const MAX_SIZE = (1n << 63n) - 1n;
// White space as Python's \s has it, which knows U+0085 and not U+FEFF: what one checker reads as a name, so does the other.
// eslint-disable-next-line no-control-regex
const NAME = /^(?:\ufeff|[^\s+\u0000-\u001f\u0085\p{Surrogate}])+$/u;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f\p{Surrogate}]/u;
const NUMBER = /^(?:0|[1-9][0-9]{0,18})$/;

/** The origin of a log of ours, which ends in the log's id. */
export const OWN = /^consentry\/([0-9a-f]{64})$/;

/** A key under its name: a log's, or a witness's. */
export interface NoteKey {
  name: string;
  type: number;
  id: Bytes;
  key: Bytes;
}

/** A log's head, as its text says it. */
export interface Checkpoint {
  origin: string;
  size: bigint;
  root: Bytes;
  text: string;
}

interface Signature {
  name: string;
  data: Bytes;
}

/** The key that name+id+base64 writes; throws ProofInvalid where it does not fit together. */
export function parseKey(written: string, type: "log" | "witness"): NoteKey {
  const [name = "", id = "", ...rest] = written.trim().split("+");
  const data = fromBase64(rest.join("+"));
  const wanted = type === "log" ? LOG : WITNESS;
  if (!NAME.test(name) || data.length !== 33 || data[0] !== wanted) {
    throw new ProofInvalid(`not the key of a ${type}: it is written name+id+base64`);
  }
  const digest = sha256(concat(utf8(`${name}\n`), data));
  const key = { name, type: wanted, id: digest.slice(0, 4), key: data.slice(1) };
  if (toHex(key.id) !== id) {
    throw new ProofInvalid(`the id of ${name}'s key does not belong to it`);
  }
  return key;
}

/** The checkpoint in a note, once one of the log's keys signed it. */
export async function verifyCheckpoint(note: string, keys: NoteKey[]): Promise<Checkpoint> {
  const logs = keys.filter((key) => key.type === LOG);
  if (!logs.length) throw new CannotCheck("the log's key is not given");
  const { text, signatures } = split(note);
  const signers = new Set<string>();
  for (const { name, data } of signatures) {
    const key = logs.find((one) => one.name === name && equal(one.id, data.slice(0, 4)));
    if (!key) continue;
    if (!(await signed(key.key, data.slice(4), utf8(text)))) {
      throw new ProofInvalid(`the signature of ${name} does not belong to this head`);
    }
    signers.add(name);
  }
  const head = readCheckpoint(note);
  // Another log's key says nothing of this one, even where its owner is trusted for a log of their own.
  if (!signers.has(head.origin)) throw new ProofInvalid(`the head is not signed with a given key of ${head.origin}`);
  return head;
}

/** The witnesses that signed a note, with the time at which each did (seconds UTC). */
export async function cosigned(note: string, witnesses: NoteKey[]): Promise<Map<string, bigint>> {
  const { text, signatures } = split(note);
  const found = new Map<string, bigint>();
  for (const { name, data } of signatures) {
    const key = witnesses.find((one) => one.type === WITNESS && one.name === name && equal(one.id, data.slice(0, 4)));
    if (!key) continue;
    if (data.length !== 76) throw new ProofInvalid(`the line of ${name} is not a cosignature`);
    const at = new DataView(data.buffer, data.byteOffset).getBigUint64(4);
    if (!(await signed(key.key, data.slice(12), utf8(`cosignature/v1\ntime ${at}\n${text}`)))) {
      throw new ProofInvalid(`the cosignature of ${name} does not belong to this head`);
    }
    found.set(name, at);
  }
  return found;
}

/** The same of one of our logs. */
export function ownCheckpoint(note: string): Checkpoint {
  const head = readCheckpoint(note);
  if (!OWN.test(head.origin)) throw new ProofInvalid("checkpoint: malformed: not of a Consentry log");
  return head;
}

/** What a checkpoint says; no signature is checked. */
export function readCheckpoint(note: string): Checkpoint {
  const { text } = split(note);
  const [origin = "", size = "", root = "", ...rest] = text.split("\n");
  if (!origin || !NUMBER.test(size) || rest.length !== 1 || rest[0] !== "") {
    throw new ProofInvalid("checkpoint: it needs origin, size and root, one line each");
  }
  const head = { origin, size: BigInt(size), root: fromBase64(root), text };
  if (head.size > MAX_SIZE) throw new ProofInvalid("checkpoint: the size is beyond 2^63 - 1");
  if (head.root.length !== HASH_SIZE) throw new ProofInvalid("checkpoint: the root is not 32 bytes");
  return head;
}

function split(note: string): { text: string; signatures: Signature[] } {
  const isLong = note.length > MOST_CHARACTERS && Array.from(note).length > MOST_CHARACTERS;
  if (isLong) throw new ProofInvalid(`note: longer than ${MOST_CHARACTERS} characters`);
  const at = note.lastIndexOf("\n\n");
  if (at < 1 || !note.endsWith("\n") || CONTROL.test(note)) throw new ProofInvalid("not a signed note");
  const lines = note.slice(at + 2, -1).split("\n");
  return { text: note.slice(0, at + 1), signatures: lines.map(readLine) };
}

function readLine(line: string): Signature {
  const [dash, name = "", data, ...rest] = line.split(" ");
  if (dash !== "\u2014" || !NAME.test(name) || !data || rest.length) throw new ProofInvalid("malformed signature line");
  const signature = fromBase64(data);
  if (signature.length < 5) throw new ProofInvalid("malformed signature line");
  return { name, data: signature };
}
