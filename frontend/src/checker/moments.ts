// Moments: whole seconds UTC, read from what terms and purposes say, as `ledger.domain.moments` reads them.

import { ProofInvalid } from "./bytes.ts";
import type { Json } from "./json.ts";

const FIRST = -62_135_596_800; // 0001-01-01
const LAST = 253_402_300_799; // the last second of the year 9999
const DAY = 86_400;
const TEXT = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(Z|[+-]\d{2}:[0-5]\d)?)?$/;

/** Seconds UTC, from whole seconds or an ISO 8601 date or date-time. */
export function readMoment(value: Json): number {
  const moment = typeof value === "string" ? fromText(value) : value;
  if (!Number.isSafeInteger(moment)) throw new ProofInvalid("a moment is an ISO date or date-time, or whole seconds UTC");
  if ((moment as number) < FIRST || (moment as number) > LAST) throw new ProofInvalid(`${String(moment)} seconds lie outside the years 1 to 9999`);
  return moment as number;
}

/** The shortest text that reads back to the same moment: a date at midnight, else a date-time. */
export function writeMoment(moment: number): string {
  const text = new Date(moment * 1000).toISOString();
  return moment % DAY ? text.replace(".000Z", "Z") : text.slice(0, 10);
}

/** The moment that many calendar months later; where that month has no such day, on its last. */
export function addMonths(moment: number, months: number): number {
  const at = new Date(moment * 1000);
  const month = at.getUTCFullYear() * 12 + at.getUTCMonth() + months;
  const [year, place] = [Math.floor(month / 12), month % 12];
  at.setUTCFullYear(year, place, Math.min(at.getUTCDate(), day(year, place + 1, 0).getUTCDate()));
  return readMoment(at.getTime() / 1000);
}

function fromText(text: string): number {
  const found = TEXT.exec(text);
  if (!found) throw new ProofInvalid("no moment");
  const [year, month, date, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as [number, number, number, number, number, number];
  const midnight = day(year, month - 1, date);
  const isDay = year > 0 && midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === date;
  const [hours, minutes] = found[7]?.slice(1).split(":").map(Number) ?? [];
  if (!isDay || hour > 23 || minute > 59 || second > 59 || (hours ?? 0) > 23) throw new ProofInvalid("no day of the calendar or no time of the day");
  const ahead = (found[7]?.startsWith("-") ? -60 : 60) * ((hours ?? 0) * 60 + (minutes ?? 0));
  return midnight.getTime() / 1000 + hour * 3600 + minute * 60 + second - ahead;
}

/** The first moment of a day, its month counted from 0; `Date.UTC` would take the year 26 for 1926. */
function day(year: number, month: number, date: number): Date {
  const at = new Date(0);
  at.setUTCFullYear(year, month, date);
  return at;
}
