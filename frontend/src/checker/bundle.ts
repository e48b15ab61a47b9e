// A bundle, opened: its manifest, its keys and the typed lines of its files. Nothing here says that a line is true.

import { type Bytes, ProofInvalid, sha256, text, to0x } from "./bytes.ts";
import * as form from "./form.ts";
import { canonical, type JsonObject, MAX_DEPTH, parseCanonical } from "./json.ts";
import { KeySet } from "./jws.ts";
import { type NoteKey, parseKey } from "./note.ts";
import { readZip } from "./zip.ts";

const MOST_DOCUMENT = 1 << 20;
const MOST_LINE = 1 << 26;
const NEWLINE = 10;
type Reader<Line> = (value: JsonObject, what: string) => Line;

/** A line of the log: its place, its canonical text, its content, and the leaf hash that the bundle states. */
export interface Entry {
  index: number;
  canonical: string;
  document: JsonObject;
  stated: string;
}

export class Bundle {
  readonly files: Map<string, Bytes>;
  readonly manifest: form.Manifest;
  /** The names of the contracts by address. */
  readonly contracts: Map<string, string>;

  constructor(data: Bytes) {
    this.files = readZip(data);
    for (const name of [form.MANIFEST, form.SIGNATURE, form.KEYS]) {
      if (!this.files.has(name)) throw new ProofInvalid(`the bundle holds no ${name}`);
    }
    this.manifest = this.document(form.MANIFEST, form.manifestDocument);
    if (this.manifest.format !== form.FORMAT) {
      throw new ProofInvalid(`${form.MANIFEST}: format '${this.manifest.format}'; this checker reads '${form.FORMAT}'`);
    }
    this.contracts = new Map(Object.entries(this.manifest.chain.contracts).map(([name, at]) => [at, name]));
  }

  get log(): string {
    return this.manifest.log;
  }

  /** Every file is the one that the manifest names, in order, and there is no other. */
  checkFiles(): string {
    const { files: stated, members } = this.manifest;
    for (const [name, content] of this.files) {
      if (name === form.MANIFEST || name === form.SIGNATURE) continue;
      const line = stated.find((one) => one.name === name);
      if (!line) throw new ProofInvalid(`${name}: the manifest does not list it`);
      if (line.size !== content.length || line.sha256 !== to0x(sha256(content))) {
        throw new ProofInvalid(`${name}: its content is not the one that the manifest lists`);
      }
    }
    const absent = members ? [] : [form.MEMBERS, form.ERASED];
    if (!stated.some((one) => one.name === form.ERASED)) absent.push(form.ERASED);
    const expected = form.ORDER.filter((name) => !absent.includes(name));
    const found = [...this.files.keys()];
    if (found.join() !== expected.join()) throw new ProofInvalid(`the bundle holds ${found.join(", ")}; it must hold ${expected.join(", ")}`);
    if (stated.map((one) => one.name).join() !== expected.slice(0, -2).join()) {
      throw new ProofInvalid(`${form.MANIFEST}: it does not list the files in their order`);
    }
    const bytes = [...this.files.values()].reduce((sum, content) => sum + content.length, 0);
    return `${expected.length} files, ${bytes} bytes`;
  }

  /** One of the keys in the bundle signed the manifest. */
  async checkSignature(): Promise<string> {
    const jws = text(this.#onlyLine(form.SIGNATURE));
    const { payload } = await this.receiptKeys().open(jws, form.MANIFEST_TYPE).catch(within(form.SIGNATURE));
    if (canonical(payload) !== canonical({ manifest: to0x(sha256(this.files.get(form.MANIFEST)!)) })) {
      throw new ProofInvalid(`${form.MANIFEST}: it is not the one that ${form.SIGNATURE} signs`);
    }
    return `${form.MANIFEST} is signed by a key of ${form.KEYS}`;
  }

  /** The keys of receipts and manifest. */
  receiptKeys(): KeySet {
    return new KeySet(this.document(form.KEYS, form.keysDocument).jwks);
  }

  /** The keys of checkpoints. */
  checkpointKeys(): NoteKey[] {
    return this.document(form.KEYS, form.keysDocument).checkpoint.map((key) => parseKey(key, "log"));
  }

  /** The log's entries, in order. */
  *entries(): Generator<Entry> {
    for (const [index, { document, leaf }] of numbered(this.lines(form.ENTRIES, form.entryLine, MAX_DEPTH + 1))) {
      if (document["index"] !== index || document["log"] !== this.log) {
        throw new ProofInvalid(
          `${form.ENTRIES}, entry ${index}: it says that it is entry ${String(document["index"])} of ${String(document["log"])}`,
        );
      }
      yield { index, canonical: canonical(document), document, stated: leaf };
    }
  }

  /** The lines of a file as documents of one kind, nested no deeper than `depth`. */
  *lines<Line>(name: string, read: Reader<Line>, depth = MAX_DEPTH): Generator<Line> {
    const content = this.files.get(name);
    if (!content) throw new ProofInvalid(`the bundle holds no ${name}`);
    let number = 1;
    for (let at = 0; at < content.length; number += 1) {
      const end = content.indexOf(NEWLINE, at);
      if (end < 0) throw new ProofInvalid(`${name}: its last line does not end in a newline`);
      const what = `${name}, line ${number}`;
      if (end - at > MOST_LINE) throw new ProofInvalid(`${what}: it is too long`);
      yield read(parseCanonical(decoded(content.subarray(at, end), what), what, depth), what);
      at = end + 1;
    }
  }

  document<Document>(name: string, read: Reader<Document>): Document {
    return read(parseCanonical(decoded(this.#onlyLine(name), name), name), name);
  }

  #onlyLine(name: string): Bytes {
    const data = this.files.get(name)!;
    if (data.length > MOST_DOCUMENT) throw new ProofInvalid(`${name}: ${data.length} bytes, where at most ${MOST_DOCUMENT} are expected`);
    if (data.indexOf(NEWLINE) !== data.length - 1 || !data.length) throw new ProofInvalid(`${name}: it must be one line`);
    return data.subarray(0, -1);
  }
}

/** Items with their numbers, from 0. */
export function* numbered<Item>(items: Iterable<Item>): Generator<[number, Item]> {
  let number = 0;
  for (const item of items) yield [number++, item];
}

/** Puts the place in front of a problem's words. */
export function within(what: string): (problem: unknown) => never {
  return (problem) => {
    if (problem instanceof ProofInvalid) throw new ProofInvalid(`${what}: ${problem.message}`);
    throw problem;
  };
}

/** The same, for work that is done at once. */
export function inside<Found>(what: string, work: () => Found): Found {
  try {
    return work();
  } catch (problem) {
    return within(what)(problem);
  }
}

function decoded(data: Bytes, what: string): string {
  try {
    return text(data);
  } catch {
    throw new ProofInvalid(`${what}: not UTF-8`);
  }
}

