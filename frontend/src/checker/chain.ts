// What a bundle shows of the chain: its headers, the receipts in them, and the events in those. An event counts only out of
// a receipt whose trie hangs on a header of the linked chain; what a block does not show is excluded by its bloom filter
// or counts as unknown.

import { type Bundle, inside, numbered } from "./bundle.ts";
import { CannotCheck, from0x, ProofInvalid, toNumber } from "./bytes.ts";
import { ANCHOR, DIRECTORY, type Event, type EventKind, eventWords, type Head, type Placed, readEvent, readReceipt, REGISTRY, topicOf } from "./events.ts";
import * as form from "./form.ts";
import { bloomMask, excludes, type Header, type Mask, readHeader } from "./headers.ts";
import { canonical } from "./json.ts";
import { decodeRlp } from "./rlp.ts";
import { readTrie } from "./trie.ts";

const NAMED = 3;

/** A chain of headers: the ends, and those in between that something in the bundle refers to. */
export interface Linked {
  first: Header;
  last: Header;
  wanted: Map<bigint, Header>;
}

/** What the receipts show: events of our contracts in chain order, and the blocks shown with all their receipts. */
export interface Shown {
  events: Placed[];
  whole: Set<bigint>;
  blocks: number;
  receipts: number;
}

/** What the decisions of a bundle are about. */
export interface Interest {
  log: string;
  studies: Set<string>;
  engines: Set<string>;
  subjects: Set<string>;
  datasets: Set<string>;
}

/** Read the headers and see that each is the parent of the next, up to the block that the manifest names. */
export function link(bundle: Bundle): Linked {
  const numbers = new Set<bigint>();
  for (const { block } of bundle.lines(form.RECEIPTS, form.receiptsLine)) numbers.add(BigInt(block));
  for (const { block } of bundle.lines(form.DECISIONS, form.decisionLine)) numbers.add(BigInt(block));
  let [first, last]: [Header?, Header?] = [];
  const wanted = new Map<bigint, Header>();
  for (const header of headers(bundle)) {
    if (last && (header.parent !== last.hash || header.number !== last.number + 1n)) {
      throw new ProofInvalid(`${form.HEADERS}: block ${header.number} is not the child of block ${last.number}`);
    }
    first ??= header;
    last = header;
    if (numbers.has(header.number)) wanted.set(header.number, header);
  }
  if (!first || !last) throw new ProofInvalid(`${form.HEADERS}: there is no header`);
  const { trusted } = bundle.manifest;
  if (last.number !== BigInt(trusted.number) || last.hash !== trusted.hash) {
    throw new ProofInvalid(
      `${form.HEADERS}: the last header is block ${last.number} ${last.hash}, the manifest says ${trusted.number} ${trusted.hash}`,
    );
  }
  return { first, last, wanted };
}

/** The chain ends in the block that the person who verifies trusts. */
export function checkBlock({ first, last }: Linked, given: string): string {
  if (!given) {
    throw new CannotCheck(
      `blocks ${first.number} to ${last.number} are linked, but you gave no block hash; ask a node that you trust ` +
        `for the hash of block ${last.number}`,
    );
  }
  if (given !== last.hash) {
    throw new ProofInvalid(
      `the block hash you gave, ${given}, is not that of the bundle's last block ${last.number}, ` +
        `${last.hash}: it is of another block, or this is not the chain you trust`,
    );
  }
  return `blocks ${first.number} to ${last.number} are linked and end in ${last.hash}`;
}

/** Check every receipt against its block's header and read the events of our contracts. */
export function readReceipts(bundle: Bundle, linked: Linked): Shown {
  const shown: Shown = { events: [], whole: new Set(), blocks: 0, receipts: 0 };
  let before = -1n;
  for (const line of bundle.lines(form.RECEIPTS, form.receiptsLine)) {
    const [what, block] = [`${form.RECEIPTS}, block ${line.block}`, BigInt(line.block)];
    const header = linked.wanted.get(block);
    if (!header || block <= before) throw new ProofInvalid(`${what}: the block is not among the headers, or out of order`);
    before = block;
    inside(what, () => {
      const reading = readTrie(header.receiptsRoot, line.nodes.map(from0x));
      const receipts = [...reading.leaves].map(([key, value]): [bigint, Uint8Array] => [receiptIndex(key), value]);
      for (const [, receipt] of receipts.sort(([one], [other]) => Number(one - other))) {
        for (const log of readReceipt(receipt)) {
          const event = readEvent(log, bundle.contracts);
          if (event) shown.events.push({ event, block });
        }
      }
      shown.receipts += receipts.length;
      if (reading.complete) shown.whole.add(block);
    });
    shown.blocks += 1;
  }
  return shown;
}

function receiptIndex(key: string): bigint {
  const number = decodeRlp(from0x(`0x${key}`), "receipt index");
  if (!(number instanceof Uint8Array) || number.length > 4 || number[0] === 0) throw new ProofInvalid("a receipt's key is not the RLP of its index");
  return toNumber(number);
}

/** The events that the decisions rest on, once the listing says exactly what the receipts do. */
export function checkHistory(bundle: Bundle, shown: Shown, interest: Interest): Placed[] {
  const concerns = concern(shown.events.map(({ event }) => event), interest);
  const proved = shown.events.filter(({ event }) => concerns(event));
  const listed = bundle.lines(form.CONSENTS, form.eventLine);
  for (const [number, { event, block }] of numbered(proved)) {
    const what = `${form.CONSENTS}, line ${number + 1}`;
    const next = listed.next();
    if (next.done) throw new ProofInvalid(`${what}: missing; the receipts prove a ${event.kind} in block ${block}`);
    const line = next.value;
    if (BigInt(line.block) !== block || line.event !== event.kind || canonical(line.fields) !== canonical(eventWords(event))) {
      throw new ProofInvalid(`${what}: not what the receipts prove, a ${event.kind} in block ${block}`);
    }
  }
  if (!listed.next().done) throw new ProofInvalid(`${form.CONSENTS}, line ${proved.length + 1}: no receipt proves it`);
  return proved;
}

/** Which of some events the decisions rest on: institutions follow from studies and subjects, texts from consents. */
function concern(events: Event[], { log, studies, engines, subjects, datasets: named }: Interest): (event: Event) => boolean {
  const institutions = new Set([log]);
  const [terms, datasets] = [new Set<string>(), new Set(named)];
  for (const event of events) {
    if (event.kind === "StudyProposed" && studies.has(event.id)) institutions.add(event.institution);
    else if (event.kind === "SubjectEnrolled" && subjects.has(event.subject)) institutions.add(event.custodian);
    else if (event.kind === "ConsentRecorded" && subjects.has(event.subject)) terms.add(event.scope.terms);
  }
  for (const event of events) if (event.kind === "DatasetRegistered" && institutions.has(event.custodian)) datasets.add(event.id);
  return (event) => {
    switch (event.kind) {
      case "InstitutionAdmitted":
      case "InstitutionStateChanged":
        return institutions.has(event.id);
      case "TermsPublished":
        return terms.has(event.hash);
      case "DatasetRegistered":
      case "DatasetAmended":
      case "DatasetClosed":
        return datasets.has(event.id);
      case "StudyProposed":
      case "StudyStateChanged":
        return studies.has(event.id);
      case "EngineRegistered":
      case "EngineRevoked":
        return engines.has(event.id);
      case "SubjectEnrolled":
      case "ConsentRecorded":
      case "ConsentWithdrawn":
      case "AllWithdrawn":
        return subjects.has(event.subject);
      default:
        return false;
    }
  };
}

/** No further event about anything in the history can stand in a block that is not shown whole. */
export function checkCompleteness(bundle: Bundle, shown: Shown, history: Placed[]): string {
  const anchored = shown.events.filter(({ event }) => event.kind === "HeadAnchored" && event.log === bundle.log);
  const searches = laterEvents([...history, ...anchored], bundle.contracts);
  const open: bigint[] = [];
  let seen = 0;
  for (const header of headers(bundle)) {
    seen += 1;
    if (!shown.whole.has(header.number) && searches.some(([since, mask]) => since <= header.number && !excludes(header.bloom, mask))) {
      open.push(header.number);
    }
  }
  if (open.length) {
    const named = open.slice(0, NAMED).join(", ") + (open.length > NAMED ? " and others" : "");
    throw new CannotCheck(
      `${open.length} of ${seen} blocks (${named}) may hold further events: their blooms do not exclude it ` +
        "and they are not shown whole",
    );
  }
  return `${searches.length} searches over ${seen} blocks, ${shown.whole.size} of them shown whole: nothing was left out`;
}

/** What to search for, to see that no event has a later one that changes it: from which block, and its bloom mask. */
function laterEvents(history: Placed[], contracts: Map<string, string>): [bigint, Mask][] {
  const at = new Map([...contracts].map(([address, name]) => [name, from0x(address)]));
  return history.flatMap(({ event, block }) => {
    const search = (contract: string, id: string, ...kinds: EventKind[]) =>
      kinds.map((kind): [bigint, Mask] => [block, bloomMask([at.get(contract)!, topicOf(kind), from0x(id)])]);
    switch (event.kind) {
      case "SubjectEnrolled":
        return search(REGISTRY, event.subject, "ConsentRecorded", "ConsentWithdrawn", "AllWithdrawn");
      case "StudyProposed":
        return search(DIRECTORY, event.id, "StudyStateChanged");
      case "EngineRegistered":
        return search(DIRECTORY, event.id, "EngineRevoked");
      case "InstitutionAdmitted":
        return search(DIRECTORY, event.id, "InstitutionStateChanged", "DatasetRegistered");
      case "DatasetRegistered":
        return search(DIRECTORY, event.id, "DatasetAmended", "DatasetClosed");
      case "HeadAnchored":
        return event.previous_size ? [] : search(ANCHOR, event.log, "HeadAnchored");
      default:
        return [];
    }
  });
}

function* headers(bundle: Bundle): Generator<Header> {
  for (const [number, { rlp }] of numbered(bundle.lines(form.HEADERS, form.headerLine))) {
    yield inside(`${form.HEADERS}, line ${number + 1}`, () => readHeader(from0x(rlp)));
  }
}

/** The anchored heads of a log among some events. */
export function headsOf(log: string, events: Placed[]): { head: Head; block: bigint }[] {
  return events.flatMap(({ event, block }) => (event.kind === "HeadAnchored" && event.log === log ? [{ head: event, block }] : []));
}
