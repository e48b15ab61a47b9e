// A bundle's zip: files stored one behind the other, nothing between them, nothing before or after. Whatever else a
// zip may be is refused, so that no byte can be shown to one reader and hidden from another; one content has one file.

import { type Bytes, concat, equal, ProofInvalid, utf8 } from "./bytes.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const LOCAL_SIZE = 30;
const MADE_BY = (3 << 8) | 20; // Unix, so that the mode below is read as one
const VERSION = 20;
const DATE = (1 << 5) | 1; // midnight of 1980-01-01, the first instant of a zip
const MODE = 0o100644 << 16;
const NAME = /^[A-Za-z][A-Za-z._-]{0,63}$/;

interface Member {
  name: string;
  start: number;
  size: number;
  crc: number;
}

/** The files of a bundle by name, in the order in which they stand. */
export function readZip(data: Bytes): Map<string, Bytes> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const files = new Map<string, Bytes>();
  const members: Member[] = [];
  let at = 0;
  while (at + 4 <= data.length && view.getUint32(at, true) === LOCAL) {
    const before = members.at(-1)?.name ?? "the start";
    if (at + LOCAL_SIZE > data.length) throw new ProofInvalid(`the file is cut short behind ${before}`);
    const [crc, size, length] = [view.getUint32(at + 14, true), view.getUint32(at + 22, true), view.getUint16(at + 26, true)];
    const name = String.fromCharCode(...data.subarray(at + LOCAL_SIZE, at + LOCAL_SIZE + Math.min(length, 65)));
    const body = at + LOCAL_SIZE + length;
    if (!NAME.test(name) || !equal(data.subarray(at, body), localHeader(name, size, crc))) {
      throw new ProofInvalid(`the zip header behind ${before} (at byte ${at}) is not in a bundle's form`);
    }
    if (body + size > data.length) {
      throw new ProofInvalid(`${name}: cut short, or its size was changed: the file ends at byte ${data.length}`);
    }
    const content = data.subarray(body, body + size);
    if (crc32(content) !== crc) throw new ProofInvalid(`${name}: its content was changed: it has another checksum`);
    if (files.has(name)) throw new ProofInvalid(`${name}: it stands in the bundle twice`);
    files.set(name, content);
    members.push({ name, start: at, size, crc });
    at = body + size;
  }
  if (!members.length) throw new ProofInvalid("not a bundle: it does not start like a zip file");
  if (!equal(data.subarray(at), directory(members, at))) {
    throw new ProofInvalid(
      `the zip's directory (from byte ${at}) is not the one of its files: the bundle was changed, cut short or added to`,
    );
  }
  return files;
}

const u16 = (value: number): Bytes => Uint8Array.of(value & 0xff, (value >>> 8) & 0xff);
const u32 = (value: number): Bytes => concat(u16(value), u16(value >>> 16));

function common(name: string, size: number, crc: number): Bytes {
  const parts = [u16(VERSION), u16(0), u16(0), u16(0), u16(DATE), u32(crc), u32(size), u32(size), u16(name.length), u16(0)];
  return concat(...parts);
}

const localHeader = (name: string, size: number, crc: number): Bytes =>
  concat(u32(LOCAL), common(name, size, crc), utf8(name));

function directory(members: Member[], start: number): Bytes {
  const records = members.map(({ name, start: offset, size, crc }) =>
    concat(u32(CENTRAL), u16(MADE_BY), common(name, size, crc), u16(0), u16(0), u16(0), u32(MODE), u32(offset), utf8(name)),
  );
  const listing = concat(...records);
  const count = u16(members.length);
  return concat(listing, u32(END), u16(0), u16(0), count, count, u32(listing.length), u32(start), u16(0));
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

function crc32(data: Uint8Array): number {
  let sum = ~0;
  for (const byte of data) sum = CRC[(sum ^ byte) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
}
