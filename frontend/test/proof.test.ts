// Proof files and signed heads: what was changed is refused, what is missing cannot be checked.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";

import { type Bytes, concat, toBase64, utf8 } from "../src/checker/bytes.ts";
import { canonical, parseCanonical } from "../src/checker/json.ts";
import { type NoteKey, parseKey } from "../src/checker/note.ts";
import { checkProof } from "../src/checker/proof.ts";
import { verdict } from "../src/checker/report.ts";
import { Edge, leafHash } from "../src/checker/tree.ts";
import { readZip } from "../src/checker/zip.ts";

const LOG = "ab".repeat(32);
const ORIGIN = `consentry/${LOG}`;
const DOCUMENT = { log: `0x${LOG}`, index: 1, kind: "decision", time: 1790000000 };

interface Signer {
  name: string;
  text: string;
  key: NoteKey;
  line(message: string, before?: Bytes): string;
}

async function signer(name: string, type: "log" | "witness"): Promise<Signer> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from((publicKey as KeyObject).export({ format: "jwk" }).x!, "base64url");
  const data = concat(Uint8Array.of(type === "log" ? 1 : 4), raw);
  const id = createHash("sha256").update(utf8(`${name}\n`)).update(data).digest().subarray(0, 4);
  const text = `${name}+${id.toString("hex")}+${toBase64(data)}`;
  const line = (message: string, before: Bytes = new Uint8Array()) =>
    `\u2014 ${name} ${toBase64(concat(id, before, sign(null, utf8(message), privateKey)))}\n`;
  return { name, text, key: parseKey(text, type), line };
}

async function made() {
  const [log, witness] = [await signer(ORIGIN, "log"), await signer("w.example", "witness")];
  const edge = new Edge();
  const other = await leafHash(utf8("other"));
  await edge.append(other);
  await edge.append(await leafHash(utf8(canonical(DOCUMENT))));
  const text = `${ORIGIN}\n2\n${toBase64(await edge.root())}\n`;
  const at = new Uint8Array(8);
  new DataView(at.buffer).setBigUint64(0, 1790000000n);
  const note = `${text}\n${log.line(text)}${witness.line(`cosignature/v1\ntime 1790000000\n${text}`, at)}`;
  const file = `c2sp.org/tlog-proof@v1\nindex 1\n${toBase64(other)}\n\n${note}`;
  return { log, witness, file };
}

const statuses = async (...of: Parameters<typeof checkProof>) =>
  Object.fromEntries((await checkProof(...of)).map((check) => [check.name, check.status]));

test("a proof holds with its entry, its log and its witness", async () => {
  const { log, witness, file } = await made();
  const checks = await checkProof(file, JSON.stringify({ document: DOCUMENT }), { keys: [log.key, witness.key], needed: 1 });
  assert.equal(verdict(checks), "pass", JSON.stringify(checks));
  assert.equal(checks.length, 3);
});

test("another entry, place, key or file fails", async () => {
  const { log, file } = await made();
  const trust = { keys: [log.key], needed: 0 };
  const changed = { ...DOCUMENT, kind: "erasure" };
  assert.deepEqual(await statuses(file, JSON.stringify(changed), trust), { inclusion: "fail", place: "pass" });
  assert.equal((await statuses(file.replace("index 1", "index 0"), JSON.stringify(DOCUMENT), trust))["inclusion"], "fail");
  assert.equal((await statuses(file.replace("\n2\n", "\n3\n"), JSON.stringify(DOCUMENT), trust))["inclusion"], "fail");
  const stranger = await signer(ORIGIN, "log");
  assert.equal((await statuses(file, JSON.stringify(DOCUMENT), { keys: [stranger.key], needed: 0 }))["inclusion"], "fail");
  assert.equal((await statuses("", JSON.stringify(DOCUMENT), trust))["inclusion"], "fail");
  assert.equal((await statuses(file, "{", trust))["inclusion"], "fail");
});

test("an entry that reads in two ways, or as something near to what the log holds, fails", async () => {
  const { log, file } = await made();
  const trust = { keys: [log.key], needed: 0 };
  const good = JSON.stringify(DOCUMENT);
  assert.equal((await statuses(file, JSON.stringify(DOCUMENT, null, 2), trust))["inclusion"], "pass");
  for (const [part, other] of [['"index":1', '"index":1.0'], ['"index":1', '"index":0,"index":1'], ['"time":1790000000', '"time":179e7']] as const) {
    assert.deepEqual(await statuses(file, good.replace(part, other), trust), { inclusion: "fail", place: "fail" }, other);
  }
});

test("an entry of no Consentry log, or at an index that is no number, has no place", async () => {
  for (const [origin, document] of [["consentry/foo", { ...DOCUMENT, log: "foo" }], [ORIGIN, { ...DOCUMENT, index: "0" }]] as const) {
    const log = await signer(origin, "log");
    const leaf = leafHash(utf8(canonical(document)));
    const text = `${origin}\n1\n${toBase64(leaf)}\n`;
    const proof = `c2sp.org/tlog-proof@v1\nindex 0\n\n${text}\n${log.line(text)}`;
    const found = await statuses(proof, JSON.stringify(document), { keys: [log.key], needed: 0 });
    assert.notEqual(found["place"], "pass", origin);
  }
});

test("the key of another log says nothing of a log, though both are trusted", async () => {
  const { log, file } = await made();
  const other = await signer(`consentry/${"cd".repeat(32)}`, "log");
  const text = file.slice(file.indexOf(ORIGIN), file.lastIndexOf("\n\n") + 1);
  const forged = `${file.slice(0, file.indexOf(ORIGIN))}${text}\n${other.line(text)}`;
  const trust = { keys: [log.key, other.key], needed: 0 };
  assert.equal((await statuses(file, JSON.stringify(DOCUMENT), trust))["inclusion"], "pass");
  assert.equal((await statuses(forged, JSON.stringify(DOCUMENT), trust))["inclusion"], "fail");
});

test("what is missing cannot be checked", async () => {
  const { log, file } = await made();
  assert.equal((await statuses(file, JSON.stringify(DOCUMENT), { keys: [], needed: 0 }))["inclusion"], "could not check");
  const stranger = await signer("w2.example", "witness");
  const trust = { keys: [log.key, stranger.key], needed: 1 };
  assert.equal((await statuses(file, JSON.stringify(DOCUMENT), trust))["witnesses"], "could not check");
});

test("a changed cosignature fails", async () => {
  const { log, witness, file } = await made();
  const forged = await signer("w.example", "witness");
  const text = file.slice(file.indexOf("\n\n") + 2, file.lastIndexOf("\n\n") + 1);
  const line = forged.line(`cosignature/v1\ntime 0\n${text}`, new Uint8Array(8));
  const own = toBase64(concat(witness.key.id, new Uint8Array(72)));
  const trust = { keys: [log.key, witness.key], needed: 1 };
  assert.equal((await statuses(`${file}\u2014 w.example ${own}\n`, JSON.stringify(DOCUMENT), trust))["witnesses"], "fail");
  assert.equal((await statuses(`${file}${line}`, JSON.stringify(DOCUMENT), trust))["witnesses"], "pass");
});

test("a key that does not fit together is refused", async () => {
  const { log, witness } = await made();
  assert.throws(() => parseKey(log.text, "witness"));
  assert.throws(() => parseKey(witness.text, "log"));
  assert.throws(() => parseKey(log.text.replace("+", "x+"), "log"));
});

test("JSON has one form", () => {
  assert.equal(canonical({ b: [1, "\u20ac\n"], a: null }), '{"a":null,"b":[1,"\u20ac\\n"]}');
  for (const text of ['{"b":1,"a":2}', '{"a": 1}', "[]", '{"a":1.0}', '{"a":1,"a":1}', "{"]) {
    assert.throws(() => parseCanonical(text, "it"), text);
  }
});

test("what is no bundle is refused", () => {
  assert.throws(() => readZip(new Uint8Array()));
  assert.throws(() => readZip(new Uint8Array(22)));
});
