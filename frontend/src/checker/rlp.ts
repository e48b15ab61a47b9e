// Recursive length prefix: one item has one encoding, and every other is refused.
//
// Source: https://ethereum.org/en/developers/docs/data-structures-and-encoding/rlp/

import { ProofInvalid } from "./bytes.ts";

export type Rlp = Uint8Array | Rlp[];

/** The item whose only RLP encoding is `data`. */
export function decodeRlp(data: Uint8Array, what: string): Rlp {
  const [item, end] = itemAt(data, 0, data.length, what);
  if (end !== data.length) throw new ProofInvalid(`${what}: not RLP: bytes stand behind the item`);
  return item;
}

function itemAt(data: Uint8Array, at: number, limit: number, what: string): [Rlp, number] {
  const first = data[at];
  if (first === undefined || at >= limit) throw new ProofInvalid(`${what}: not RLP: cut short`);
  if (first < 0x80) return [data.subarray(at, at + 1), at + 1];
  const base = first < 0xc0 ? 0x80 : 0xc0;
  let [start, size] = [at + 1, first - base];
  if (size > 55) {
    const width = size - 55;
    size = 0;
    for (const byte of data.subarray(start, start + width)) size = size * 256 + byte;
    if (!data[start] || size <= 55) throw new ProofInvalid(`${what}: not RLP: a length is not in its shortest form`);
    start += width;
  }
  const end = start + size;
  if (end > limit) throw new ProofInvalid(`${what}: not RLP: cut short`);
  if (base === 0x80) {
    if (size === 1 && data[start]! < 0x80) throw new ProofInvalid(`${what}: not RLP: a byte is not in its shortest form`);
    return [data.subarray(start, end), end];
  }
  const items: Rlp[] = [];
  for (let next = start; next < end; ) {
    const [item, behind] = itemAt(data, next, end, what);
    items.push(item);
    next = behind;
  }
  return [items, end];
}
