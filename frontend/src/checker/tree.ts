// RFC 9162 trees: hashes, the root of leaves, and the two kinds of proof. A proof is exactly as long as the sizes
// demand, so nothing can be hidden at its end. Sizes are bigints: a log may be longer than 2^53.
//
// Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1

import { type Bytes, concat, equal, HASH_SIZE, ProofInvalid, sha256 } from "./bytes.ts";

const MAX_SIZE = (1n << 63n) - 1n;

export const leafHash = (data: Uint8Array): Bytes => sha256(concat(Uint8Array.of(0), data));
export const nodeHash = (left: Bytes, right: Bytes): Bytes => sha256(concat(Uint8Array.of(1), left, right));

/** The right edge of a growing tree: the complete subtrees, the largest first. */
export class Edge {
  size = 0n;
  #peaks: Bytes[] = [];

  append(leaf: Bytes): void {
    let node = leaf;
    for (let rest = this.size; rest & 1n; rest >>= 1n) node = nodeHash(this.#peaks.pop()!, node);
    this.#peaks.push(node);
    this.size += 1n;
  }

  root(): Bytes {
    const peaks = [...this.#peaks];
    let result = peaks.pop();
    if (result === undefined) return sha256(new Uint8Array());
    for (const peak of peaks.reverse()) result = nodeHash(peak, result);
    return result;
  }
}

/** The root that an inclusion proof leads to. */
export function rootFromInclusion(leaf: Bytes, index: bigint, size: bigint, proof: Bytes[]): Bytes {
  checkSize("tree size", size, 1n);
  if (index < 0n || index >= size) throw new ProofInvalid(`inclusion proof: index ${index} is not below ${size}`);
  checkHashes("inclusion proof", [leaf, ...proof]);
  const length = inclusionLength(index, size);
  if (proof.length !== length) {
    throw new ProofInvalid(`inclusion proof: ${proof.length} hashes, but leaf ${index} of ${size} takes ${length}`);
  }
  let [result, node, last] = [leaf, index, size - 1n];
  for (const sibling of proof) {
    if (node & 1n || node === last) {
      result = nodeHash(sibling, result);
      for (; node && !(node & 1n); node >>= 1n) last >>= 1n;
    } else {
      result = nodeHash(result, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return result;
}

/** Returns if a leaf is in the tree with this root; otherwise throws ProofInvalid. */
export function verifyInclusion(leaf: Bytes, index: bigint, size: bigint, proof: Bytes[], root: Bytes): void {
  checkHashes("root", [root]);
  if (!equal(rootFromInclusion(leaf, index, size, proof), root)) {
    throw new ProofInvalid(`inclusion proof: leaf ${index} and its path do not lead to the root of ${size} leaves`);
  }
}

/** Returns if the second tree extends the first; otherwise throws ProofInvalid. */
export function verifyConsistency(first: bigint, second: bigint, oldRoot: Bytes, newRoot: Bytes, proof: Bytes[]): void {
  checkSize("first size", first, 1n);
  checkSize("second size", second, first);
  checkHashes("consistency proof", [oldRoot, newRoot, ...proof]);
  const length = consistencyLength(first, second);
  if (proof.length !== length) {
    throw new ProofInvalid(`consistency proof: ${proof.length} hashes, but ${first} to ${second} takes ${length}`);
  }
  if (first === second) {
    if (!equal(oldRoot, newRoot)) throw new ProofInvalid(`two different roots of ${first} leaves: the log was forked`);
    return;
  }
  // A first tree that is complete is itself the start of the path, and is left out of the proof.
  const [start, ...rest] = isPowerOfTwo(first) ? [oldRoot, ...proof] : proof;
  let [node, last] = [first - 1n, second - 1n];
  for (; node & 1n; node >>= 1n) last >>= 1n;
  let [older, newer] = [start!, start!];
  for (const sibling of rest) {
    if (node & 1n || node === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      for (; node && !(node & 1n); node >>= 1n) last >>= 1n;
    } else {
      newer = nodeHash(newer, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (!equal(older, oldRoot)) throw new ProofInvalid(`consistency proof: not from the first tree of ${first} leaves`);
  if (!equal(newer, newRoot)) throw new ProofInvalid(`consistency proof: not to the second tree of ${second} leaves`);
}

const isPowerOfTwo = (value: bigint): boolean => (value & (value - 1n)) === 0n;
const bits = (value: bigint): number => (value ? value.toString(2).length : 0);
const ones = (value: bigint): number => value.toString(2).replaceAll("0", "").length;

/** Up to where the leaf's way and the way of the last leaf meet, every level has a sibling; above, only left ones. */
function inclusionLength(index: bigint, size: bigint): number {
  const inner = bits(index ^ (size - 1n));
  return inner + ones(index >> BigInt(inner));
}

function consistencyLength(first: bigint, second: bigint): number {
  if (first === second) return 0;
  const shift = BigInt(bits(first & -first) - 1);
  const length = inclusionLength((first - 1n) >> shift, ((second - 1n) >> shift) + 1n);
  return isPowerOfTwo(first) ? length : length + 1;
}

function checkSize(name: string, value: bigint, least: bigint) {
  if (value < least || value > MAX_SIZE) throw new ProofInvalid(`${name} ${value} is not from ${least} to 2^63 - 1`);
}

function checkHashes(name: string, hashes: Bytes[]) {
  if (hashes.some((hash) => hash.length !== HASH_SIZE)) throw new ProofInvalid(`${name}: a hash is 32 bytes`);
}
