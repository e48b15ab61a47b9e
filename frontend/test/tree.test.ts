// The vectors that others wrote, wantErr included, and every proof of small trees.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { type Bytes, fromBase64, ProofInvalid, toHex, utf8 } from "../src/checker/bytes.ts";
import { Edge, leafHash, nodeHash, rootFromInclusion, verifyConsistency, verifyInclusion } from "../src/checker/tree.ts";

const DATA = join(process.env["CONSENTRY_TEST_DATA"] ?? "../../shared/data", "merkle");
const missing = existsSync(DATA) ? false : `no Merkle vectors under ${DATA}: set CONSENTRY_TEST_DATA`;

interface Vector {
  leafIdx: number;
  treeSize: number;
  size1: number;
  size2: number;
  root: string;
  root1: string;
  root2: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

function vectors(kind: string): [string, Vector][] {
  if (missing) return [];
  const names = readdirSync(join(DATA, kind), { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".json"));
  return names.sort().map((name) => [name, JSON.parse(readFileSync(join(DATA, kind, name), "utf8")) as Vector]);
}

function holds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (problem) {
    assert.ok(problem instanceof ProofInvalid, String(problem));
    return false;
  }
}

const data = (value: string | null | undefined): Bytes => fromBase64(value ?? "");
const path = (vector: Vector): Bytes[] => (vector.proof ?? []).map(data);

test("inclusion vectors", { skip: missing }, () => {
  const all = vectors("inclusion");
  assert.ok(all.length > 50);
  for (const [name, one] of all) {
    const work = () => verifyInclusion(data(one.leafHash), BigInt(one.leafIdx), BigInt(one.treeSize), path(one), data(one.root));
    assert.equal(holds(work), !one.wantErr, name);
  }
});

test("consistency vectors", { skip: missing }, () => {
  const all = vectors("consistency");
  assert.ok(all.length > 50);
  for (const [name, one] of all) {
    const work = () => verifyConsistency(BigInt(one.size1), BigInt(one.size2), data(one.root1), data(one.root2), path(one));
    assert.equal(holds(work), !one.wantErr, name);
  }
});

test("an edge has the root of the tree", () => {
  const edge = new Edge();
  assert.equal(toHex(edge.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const leaves = ["a", "b", "c"].map((one) => leafHash(utf8(one)));
  for (const leaf of leaves) edge.append(leaf);
  const [a, b, c] = leaves as [Bytes, Bytes, Bytes];
  const root = nodeHash(nodeHash(a, b), c);
  assert.deepEqual(edge.root(), root);
  assert.deepEqual(rootFromInclusion(c, 2n, 3n, [nodeHash(a, b)]), root);
  assert.equal(holds(() => verifyInclusion(c, 2n, 3n, [a], root)), false);
  assert.equal(holds(() => verifyInclusion(a, 0n, 3n, [b, c, c], root)), false);
});
