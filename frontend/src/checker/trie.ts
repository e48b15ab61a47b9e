// Reading a Merkle-Patricia trie of which some nodes are given: a node counts only where the node above names it by
// its hash, every given node must be reached, and where a named node is not given the reading is not complete.
//
// Source: https://ethereum.org/en/developers/docs/data-structures-and-encoding/patricia-merkle-trie/

import { HASH_SIZE, keccak256, ProofInvalid, to0x, toHex } from "./bytes.ts";
import { decodeRlp, type Rlp } from "./rlp.ts";

const EMPTY = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"; // keccak-256 of the RLP of nothing
const LONGEST = 64;

export interface Reading {
  /** Values by key, both as they stand; keys in hex. */
  leaves: Map<string, Uint8Array>;
  /** Whether there can be no other leaf. */
  complete: boolean;
}

/** Walk a trie from its root (0x-hex), as far as nodes are given. */
export function readTrie(root: string, nodes: Uint8Array[]): Reading {
  const given = new Map(nodes.map((node) => [to0x(keccak256(node)), node]));
  if (given.size !== nodes.length) throw new ProofInvalid("trie: a node is given twice");
  const reading: Reading = { leaves: new Map(), complete: true };
  if (root === EMPTY && !nodes.length) return reading;
  const reached = new Set<string>();
  const waiting: [string, string | Rlp][] = [["", root]];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    let [path, node] = next;
    if (node instanceof Uint8Array) {
      if (node.length !== HASH_SIZE) throw new ProofInvalid("trie: a reference is neither a hash nor a short node");
      node = to0x(node);
    }
    if (typeof node === "string") {
      const found = given.get(node);
      if (!found) {
        reading.complete = false;
        continue;
      }
      reached.add(node);
      node = decodeRlp(found, "trie node");
    }
    waiting.push(...children(path, node, reading.leaves));
  }
  if (reached.size !== given.size) {
    throw new ProofInvalid(`trie: ${given.size - reached.size} of ${given.size} given nodes are not part of it`);
  }
  return reading;
}

/** The references below a node; the values that stand in it go to `leaves`. */
function children(path: string, node: Rlp, leaves: Map<string, Uint8Array>): [string, Rlp][] {
  if (node instanceof Uint8Array) throw new ProofInvalid("trie: a node is not a list");
  const [first, second] = node;
  if (node.length === 2 && first instanceof Uint8Array) {
    const [nibbles, isLeaf] = unpack(first);
    if (!isLeaf) return [[path + nibbles, second!]];
    keep(path + nibbles, second!, leaves);
    return [];
  }
  if (node.length !== 17) throw new ProofInvalid("trie: a node has neither 2 nor 17 items");
  if (!isEmpty(node[16]!)) keep(path, node[16]!, leaves);
  const branches = node.slice(0, 16).map((branch, nibble): [string, Rlp] => [path + nibble.toString(16), branch]);
  return branches.filter(([, branch]) => !isEmpty(branch));
}

const isEmpty = (item: Rlp): boolean => item instanceof Uint8Array && !item.length;

function keep(path: string, value: Rlp, leaves: Map<string, Uint8Array>) {
  if (path.length % 2 || path.length > LONGEST || !(value instanceof Uint8Array)) {
    throw new ProofInvalid("trie: a leaf has half a byte for a key, a key that is too long, or no bytes for a value");
  }
  leaves.set(path, value);
}

/** The nibbles of a hex-prefix encoded path as hex digits, and whether it ends in a leaf. */
function unpack(prefix: Uint8Array): [string, boolean] {
  const digits = toHex(prefix);
  const flag = digits[0] ?? "";
  if (!flag || !"0123".includes(flag) || ("02".includes(flag) && digits[1] !== "0")) {
    throw new ProofInvalid("trie: a path is not hex-prefix encoded");
  }
  return [digits.slice("13".includes(flag) ? 1 : 2), "23".includes(flag)];
}
