// Events read from proved receipts: only logs of the named contracts, by the event's topic; a log of ours that does not
// decode is an error, never passed over. Addresses, ids, hashes and bytes are 0x-hex, as documents carry them.
//
// Source: https://docs.soliditylang.org/en/latest/abi-spec.html#events and EIP-2718 (typed receipts).

import { keccak256, ProofInvalid, to0x, toNumber, utf8 } from "./bytes.ts";
import type { Json, JsonObject } from "./json.ts";
import { decodeRlp, type Rlp } from "./rlp.ts";
import { type Scope, scopeWords } from "./vocabulary.ts";

export const DIRECTORY = "Directory";
export const REGISTRY = "ConsentRegistry";
export const ANCHOR = "AuditAnchor";
const WORD = 32;

export interface Recorded {
  kind: "ConsentRecorded";
  subject: string;
  id: string;
  digest: string;
  version: number;
  scope: Scope;
  valid_until: number;
  capacity: number;
  form: string;
  signer: string;
}
export interface Study {
  kind: "StudyProposed";
  id: string;
  institution: string;
  uses: number;
  conditions: number;
  required_terms: number;
  ethics_until: number;
  diseases: number[][];
  purpose: string;
}
export interface Head {
  kind: "HeadAnchored";
  log: string;
  size: bigint;
  root: string;
  previous_size: bigint;
  previous_root: string;
}
export interface Accesses {
  kind: "AccessesRecorded";
  study: string;
  engine: string;
  log: string;
  entries: string;
}
/** An event: its kind, and of its fields those that are looked at here; `fields` holds all of them. */
export type Event = { fields: Record<string, Value> } & (
  | Recorded
  | Study
  | Head
  | Accesses
  | { kind: "InstitutionAdmitted"; id: string; name: string }
  | { kind: "InstitutionStateChanged" | "StudyStateChanged"; id: string; state: number }
  | { kind: "TermsPublished"; hash: string; version: number }
  | { kind: "EngineRegistered"; id: string; institution: string; operations: number }
  | { kind: "EngineRevoked" | "DatasetClosed"; id: string }
  | { kind: "DatasetRegistered"; id: string; custodian: string; terms: string }
  | { kind: "DatasetAmended"; id: string; terms: string }
  | { kind: "SubjectEnrolled"; subject: string; custodian: string }
  | { kind: "ConsentWithdrawn"; subject: string; id: string; version: number }
  | { kind: "AllWithdrawn"; subject: string }
);
export type EventKind = Event["kind"];
type Value = string | number | bigint | number[][] | Scope;

/** An event, and the block it stands in. */
export interface Placed {
  event: Event;
  block: bigint;
}

export interface Log {
  address: string;
  topics: string[];
  data: Uint8Array;
}

interface Kind {
  contract: string;
  name: EventKind;
  types: string[];
  fields: string[];
  indexed: number;
  topic: Uint8Array;
}

function kind(contract: string, name: EventKind, indexed: string, rest: string): Kind {
  const topics = indexed.split(" ");
  const declared = [...topics, ...rest.split(" ")].map((one) => one.split(":") as [string, string]);
  const types = declared.map(([, type]) => type);
  const topic = keccak256(utf8(`${name}(${types.join(",")})`));
  return { contract, name, types, fields: declared.map(([field]) => field), indexed: topics.length, topic };
}

const KINDS = [
  kind(DIRECTORY, "InstitutionAdmitted", "id:bytes32", "number:uint32 name:string signer:bytes"),
  kind(DIRECTORY, "InstitutionStateChanged", "id:bytes32", "state:uint8"),
  kind(DIRECTORY, "TermsPublished", "hash:bytes32", "version:uint32 language:string uri:string"),
  kind(
    DIRECTORY,
    "StudyProposed",
    "id:bytes32 institution:bytes32",
    "digest:bytes32 number:uint32 title:string uses:uint8 conditions:uint16 required_terms:uint32 ethics:bytes32 " +
      "ethics_until:uint40 diseases:uint32[][] purpose:bytes",
  ),
  kind(DIRECTORY, "StudyStateChanged", "id:bytes32", "digest:bytes32 state:uint8"),
  kind(DIRECTORY, "EngineRegistered", "id:bytes32 institution:bytes32", "digest:bytes32 name:string signer:bytes operations:uint16"),
  kind(DIRECTORY, "EngineRevoked", "id:bytes32", "digest:bytes32"),
  kind(DIRECTORY, "DatasetRegistered", "id:bytes32 custodian:bytes32", "digest:bytes32 terms:bytes"),
  kind(DIRECTORY, "DatasetAmended", "id:bytes32", "digest:bytes32 version:uint32 terms:bytes"),
  kind(DIRECTORY, "DatasetClosed", "id:bytes32", "digest:bytes32"),
  kind(
    REGISTRY,
    "SubjectEnrolled",
    "subject:bytes32 custodian:bytes32",
    "digest:bytes32 signer:bytes capacity:uint8 since:uint40 until:uint40 form:bytes32",
  ),
  kind(
    REGISTRY,
    "ConsentRecorded",
    "subject:bytes32 id:bytes32",
    "digest:bytes32 recipient:bytes32 terms:bytes32 rights:uint256 limits:uint256 form:bytes32 signer:bytes",
  ),
  kind(REGISTRY, "ConsentWithdrawn", "subject:bytes32 id:bytes32", "digest:bytes32 version:uint24 capacity:uint8 signer:bytes"),
  kind(REGISTRY, "AllWithdrawn", "subject:bytes32 id:bytes32", "digest:bytes32 capacity:uint8 signer:bytes"),
  kind(ANCHOR, "HeadAnchored", "log:bytes32", "size:uint64 root:bytes32 previous_size:uint64 previous_root:bytes32"),
  kind(ANCHOR, "AccessesRecorded", "study:bytes32 engine:bytes32 log:bytes32", "entries:bytes"),
];
const BY_TOPIC = new Map(KINDS.map((one) => [`${one.contract} ${to0x(one.topic)}`, one]));
const TOPICS = new Map(KINDS.map((one) => [one.name, one.topic]));

/** The first topic of an event's logs. */
export const topicOf = (name: EventKind): Uint8Array => TOPICS.get(name)!;

/** An event's fields in JSON: a scope in the words of the API. */
export function eventWords(event: Event): JsonObject {
  const words = Object.entries(event.fields).map(([name, value]): [string, Json] => {
    if (typeof value === "object" && !Array.isArray(value)) return [name, scopeWords(value)];
    return [name, typeof value === "bigint" ? Number(value) : value];
  });
  return Object.fromEntries(words);
}

/** The logs of a receipt in its consensus encoding (EIP-2718). */
export function readReceipt(data: Uint8Array): Log[] {
  const fields = decodeRlp((data[0] ?? 0xff) < 0x80 ? data.subarray(1) : data, "receipt");
  const logs = Array.isArray(fields) ? fields[3] : undefined;
  if (fields.length !== 4 || !Array.isArray(logs) || (fields as Rlp[]).slice(0, 3).some(Array.isArray)) {
    throw new ProofInvalid("receipt: not status, gas, bloom and logs");
  }
  return logs.map(readLog);
}

function readLog(item: Rlp): Log {
  if (Array.isArray(item) && item.length === 3) {
    const [address, topics, data] = item as [Rlp, Rlp, Rlp];
    const isWord = (topic: Rlp): topic is Uint8Array => topic instanceof Uint8Array && topic.length === WORD;
    if (address instanceof Uint8Array && address.length === 20 && Array.isArray(topics) && topics.every(isWord) && data instanceof Uint8Array) {
      return { address: to0x(address), topics: topics.map(to0x), data };
    }
  }
  throw new ProofInvalid("receipt: a log is not an address, topics and data");
}

/** The event that a log tells of; undefined when it is not one that proofs need. */
export function readEvent(log: Log, contracts: Map<string, string>): Event | undefined {
  const contract = contracts.get(log.address);
  const found = contract && BY_TOPIC.get(`${contract} ${log.topics[0]}`);
  if (!found) return undefined;
  if (log.topics.length !== 1 + found.indexed) {
    throw new ProofInvalid(`${contract}: an event has ${log.topics.length} topics, not ${1 + found.indexed}`);
  }
  const values = [
    ...log.topics.slice(1),
    ...found.types.slice(found.indexed).map((type, place) => readValue(type, log.data, WORD * place, contract)),
  ];
  const read = Object.fromEntries(found.fields.map((field, place) => [field, values[place]!]));
  const fields = found.name === "ConsentRecorded" ? unpackRecorded(read, contract) : read;
  return { ...fields, kind: found.name, fields } as unknown as Event;
}

function unpackRecorded(read: Record<string, Value>, contract: string): Record<string, Value> {
  const { subject, id, digest, recipient, terms, rights, limits, form, signer } = read as Record<string, string> & { rights: bigint; limits: bigint };
  const word = (packed: bigint, widths: number[]) => split(packed, widths, contract);
  const [effect, recipientKind, purposes, conditions, operations, categories, validFrom, validUntil, version, valid_until, capacity] = word(
    rights,
    [8, 8, 16, 16, 16, 32, 40, 40, 24, 40, 8],
  ) as [number, number, number, number, number, number, number, number, number, number, number];
  const [dataFrom, dataUntil, ...diseases] = word(limits, [40, 40, 32, 32, 32, 32, 32]) as [number, number, ...number[]];
  const scope = {
    effect, recipientKind, recipient: recipient!, purposes, conditions, operations, categories, validFrom, validUntil, dataFrom, dataUntil, diseases, terms: terms!,
  };
  return { subject: subject!, id: id!, digest: digest!, version, scope, valid_until, capacity, form: form!, signer: signer! };
}

function split(word: bigint, widths: number[], contract: string): number[] {
  let rest = word;
  const values = widths.map((width) => {
    const value = Number(BigInt.asUintN(width, rest));
    rest >>= BigInt(width);
    return value;
  });
  if (rest) throw new ProofInvalid(`${contract}: an event does not decode: a word has bits beyond its last field`);
  return values;
}

function readValue(type: string, data: Uint8Array, at: number, contract: string): Value {
  const outside = () => new ProofInvalid(`${contract}: an event does not decode: it points outside the data`);
  const slice = (start: bigint, size: bigint): Uint8Array => {
    if (start + size > data.length) throw outside();
    return data.subarray(Number(start), Number(start + size));
  };
  const number = (start: bigint, width = 256): bigint => {
    const value = toNumber(slice(start, 32n));
    if (value >> BigInt(width)) throw new ProofInvalid(`${contract}: an event does not decode: uint${width} out of range`);
    return value;
  };
  const arrays = (start: bigint): number[][] =>
    Array.from({ length: count(start) }, (_, place) => {
      const inner = start + 32n + number(start + 32n + 32n * BigInt(place));
      return Array.from({ length: count(inner) }, (_, item) => Number(number(inner + 32n * BigInt(1 + item), 32)));
    });
  const count = (start: bigint): number => {
    const found = number(start);
    if (found * 32n > data.length) throw outside();
    return Number(found);
  };
  const place = BigInt(at);
  if (type === "bytes32") return to0x(slice(place, 32n));
  if (type === "uint32[][]") return arrays(number(place));
  if (type.startsWith("uint")) {
    const width = Number(type.slice(4));
    return width > 48 ? number(place, width) : Number(number(place, width));
  }
  const start = number(place);
  const content = slice(start + 32n, number(start));
  // A string on the chain need not be UTF-8; the contract does not look. It must not stop a proof.
  return type === "string" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(content) : to0x(content);
}
