// A bundle's zip: files stored one behind the other, nothing between them, nothing before or after. Whatever else a
// zip may be is refused, so that no byte can be shown to one reader and hidden from another.

import { type Bytes, ProofInvalid, text } from "./bytes.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

/** The files of a bundle by name, in the order in which they stand. */
export function readZip(data: Bytes): Map<string, Bytes> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const end = data.length - 22;
  if (end < 0 || view.getUint32(end, true) !== END || view.getUint16(end + 20, true) !== 0) {
    throw new ProofInvalid("not a whole bundle: the end of the file is missing, or something stands behind it");
  }
  const [count, size, start] = [view.getUint16(end + 10, true), view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  if (start + size !== end || view.getUint16(end + 8, true) !== count) throw new ProofInvalid("the directory does not fit");
  const files = new Map<string, Bytes>();
  let [at, next] = [start, 0];
  for (let number = 0; number < count; number += 1) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw new ProofInvalid("the directory is malformed");
    const [method, length, stored] = [view.getUint16(at + 10, true), view.getUint32(at + 24, true), view.getUint32(at + 20, true)];
    const [named, extra, comment] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    const offset = view.getUint32(at + 42, true);
    const name = text(data.subarray(at + 46, at + 46 + named));
    if (method !== 0 || stored !== length || extra || comment || offset !== next || files.has(name)) {
      throw new ProofInvalid(`${name}: not stored in the one form of a bundle`);
    }
    const body = offset + 30 + named;
    if (
      body + length > start ||
      view.getUint32(offset, true) !== LOCAL ||
      view.getUint32(offset + 18, true) !== length ||
      view.getUint32(offset + 22, true) !== length ||
      view.getUint16(offset + 26, true) !== named ||
      view.getUint16(offset + 28, true) !== 0 ||
      text(data.subarray(offset + 30, body)) !== name
    ) {
      throw new ProofInvalid(`${name}: its header is not the one of the directory`);
    }
    files.set(name, data.slice(body, body + length));
    next = body + length;
    at += 46 + named;
  }
  if (at !== end || next !== start) throw new ProofInvalid("there are bytes in the file that belong to nothing");
  return files;
}
