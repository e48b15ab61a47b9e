// The checker page: drop a bundle, or a proof file with its entry. Nothing leaves the machine: the page has no address
// to send anything to, and its policy forbids the browser to.

import { CannotCheck, ProofInvalid, text, toHex } from "./bytes.ts";
import { checkBundle, type Trust } from "./check.ts";
import { type NoteKey, parseKey } from "./note.ts";
import { checkParticipation, isParticipation } from "./participation.ts";
import { checkProof, HEADER } from "./proof.ts";
import { type Check, verdict } from "./report.ts";

const MOST_BYTES = 512 * 1024 * 1024;
const WORDS = {
  pass: "It holds, as far as each line below says.",
  fail: "It does NOT hold.",
  "could not check": "Nothing fails, but not everything could be checked here.",
};

const byId = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;
const form = byId<HTMLFormElement>("check");
const files = byId<HTMLInputElement>("files");
const keys = byId<HTMLTextAreaElement>("keys");
const needed = byId<HTMLInputElement>("needed");
const block = byId<HTMLInputElement>("block");
const contracts = byId<HTMLTextAreaElement>("contracts");
const status = byId("status");
const results = byId("results");

function show(checks: Check[]) {
  const found = verdict(checks);
  status.textContent = WORDS[found];
  status.dataset["verdict"] = found;
  results.replaceChildren(...checks.map(line));
  status.focus();
}

function line(check: Check): HTMLElement {
  const item = document.createElement("li");
  item.dataset["status"] = check.status;
  const add = (kind: string, words: string) => {
    const part = document.createElement(kind);
    part.textContent = words;
    item.append(part);
  };
  add("h3", `${check.name}: ${check.status}`);
  add("p", check.detail);
  add("p", `Proves: ${check.proves}`);
  add("p", `Does not prove: ${check.doesNotProve}`);
  return item;
}

const linesOf = (area: HTMLTextAreaElement) => area.value.split("\n").map((line) => line.trim()).filter(Boolean);

function anyKey(written: string): NoteKey {
  try {
    return parseKey(written, "log");
  } catch {
    return parseKey(written, "witness");
  }
}

function contract(line: string): [string, string] {
  const [, name, address] = /^(\w+)\s*=\s*(0x[0-9a-f]{40})$/i.exec(line) ?? [];
  if (!name || !address) throw new ProofInvalid(`"${line}" is not NAME=ADDRESS of a contract`);
  return [name, address.toLowerCase()];
}

function trust(): Trust {
  const read = linesOf(keys).map(anyKey);
  const witnesses = read.filter((key) => key.type !== 1);
  for (const part of [(key: NoteKey) => key.name, (key: NoteKey) => toHex(key.key)]) {
    if (new Set(witnesses.map(part)).size !== witnesses.length) throw new ProofInvalid("a witness stands there twice");
  }
  const wanted = Number(needed.value) || witnesses.length; // 0 is all of them, as it is for the command
  if (!Number.isSafeInteger(wanted) || wanted < 0 || wanted > witnesses.length) throw new ProofInvalid(`${wanted} witnesses are asked for, ${witnesses.length} named`);
  const hash = block.value.trim().toLowerCase();
  if (hash && !/^0x[0-9a-f]{64}$/.test(hash)) throw new ProofInvalid("a block hash is written 0x and 64 hex digits");
  return { keys: read, needed: wanted, block: hash, contracts: new Map(linesOf(contracts).map(contract)) };
}

async function check(): Promise<Check[]> {
  const chosen = [...(files.files ?? [])];
  if (!chosen.length) throw new ProofInvalid("choose a file first");
  if (chosen.some((file) => file.size > MOST_BYTES)) throw new CannotCheck("larger than 512 MiB: run consentry verify");
  const contents = await Promise.all(chosen.map(async (file) => new Uint8Array(await file.arrayBuffer())));
  const given = trust();
  const bundle = contents.find((data) => data[0] === 0x50 && data[1] === 0x4b);
  if (bundle) {
    if (contents.length > 1) throw new ProofInvalid("choose the bundle alone");
    return checkBundle(bundle, given);
  }
  const texts = contents.map(text);
  if (texts.length === 1 && isParticipation(texts[0]!)) return checkParticipation(texts[0]!, given);
  const proof = texts.find((one) => one.startsWith(HEADER));
  const entry = texts.find((one) => one !== proof);
  if (proof === undefined) throw new ProofInvalid("that is neither a bundle nor a proof file");
  if (entry === undefined) throw new ProofInvalid("choose the proof file together with its entry");
  return checkProof(proof, entry, given);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  status.textContent = "Checking \u2026";
  delete status.dataset["verdict"];
  results.replaceChildren();
  check().then(show, (problem: unknown) => {
    status.textContent = problem instanceof Error ? problem.message : String(problem);
    status.dataset["verdict"] = problem instanceof CannotCheck ? "could not check" : "refused";
    status.focus();
  });
});
