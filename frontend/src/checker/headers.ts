// Block headers: each is known by the keccak-256 of its RLP and names its parent, so the hash of the last one vouches
// for all of them. Their bloom filters can say "perhaps" wrongly, but never "no".
//
// Source: Yellow Paper, sections 4.3 and 4.3.1; fields added by later forks stand behind the ones read here.

import { HASH_SIZE, keccak256, ProofInvalid, to0x, toNumber } from "./bytes.ts";
import { decodeRlp } from "./rlp.ts";

const LEAST_FIELDS = 15;
const BLOOM_BYTES = 256;

/** A header, as far as proofs need it; hashes in 0x-hex. */
export interface Header {
  number: bigint;
  hash: string;
  parent: string;
  receiptsRoot: string;
  bloom: Uint8Array;
}

/** The places of the bits that a bloom filter has if it holds some values. */
export type Mask = number[];

/** Read the RLP of a header. */
export function readHeader(data: Uint8Array): Header {
  const fields = decodeRlp(data, "header");
  const flat = Array.isArray(fields) ? fields.filter((item) => item instanceof Uint8Array) : [];
  if (fields.length < LEAST_FIELDS || flat.length !== fields.length) {
    throw new ProofInvalid(`header: not a list of at least ${LEAST_FIELDS} strings of bytes`);
  }
  const [parent, receiptsRoot, bloom] = [flat[0]!, flat[5]!, flat[6]!];
  if (parent.length !== HASH_SIZE || receiptsRoot.length !== HASH_SIZE || bloom.length !== BLOOM_BYTES) {
    throw new ProofInvalid("header: a hash or the bloom filter has the wrong length");
  }
  const [hash, number] = [to0x(keccak256(data)), toNumber(flat[8]!)];
  return { number, hash, parent: to0x(parent), receiptsRoot: to0x(receiptsRoot), bloom };
}

/** The bits that a bloom filter has set if it holds all of some values (addresses and topics). */
export function bloomMask(values: Uint8Array[]): Mask {
  return values.flatMap((value) => {
    const digest = keccak256(value);
    return [0, 2, 4].map((place) => ((digest[place]! << 8) | digest[place + 1]!) & 2047);
  });
}

/** Whether a block with this bloom surely holds no log with all the values of a mask. */
export const excludes = (bloom: Uint8Array, mask: Mask): boolean =>
  mask.some((bit) => !(bloom[BLOOM_BYTES - 1 - (bit >>> 3)]! & (1 << (bit & 7))));
