// The offline check of a bundle: every claim, tried in the order in which they rest on each other, with the words and the
// verdict of `consentry verify`. Without a block hash, everything that rests on the chain is "could not check", never "pass".

import { Bundle } from "./bundle.ts";
import { type Bytes, CannotCheck, ProofInvalid } from "./bytes.ts";
import * as chain from "./chain.ts";
import * as claims from "./claims.ts";
import * as decisions from "./decisions.ts";
import { ANCHOR, DIRECTORY, type Head, type Placed, REGISTRY } from "./events.ts";
import { MANIFEST } from "./form.ts";
import * as log from "./log.ts";
import type { Signers } from "./proof.ts";
import { checkReplay } from "./replay.ts";
import { type Check, Trial } from "./report.ts";

/** What you trust; the block's hash (empty: none is known) and the contracts' addresses by name are 0x-hex. */
export interface Trust extends Signers {
  block: string;
  contracts: Map<string, string>;
}

/** Check a bundle. */
export async function checkBundle(data: Bytes, trust: Trust): Promise<Check[]> {
  const trial = new Trial();
  const wanted = trust.needed ? [...claims.ALL, claims.WITNESSES] : claims.ALL;
  let bundle: Bundle | undefined;
  const open = () => `${(bundle = new Bundle(data)).files.size} files`;
  if (!(await trial.attempt(claims.ARCHIVE, open)) || !bundle) return trial.report(wanted, "the file is not a whole bundle, so nothing in it was looked at");
  await new Examination(bundle, trust).attempt(trial);
  return trial.report(wanted, "not tried");
}

/** One run: the premises found so far. */
class Examination {
  #linked: chain.Linked | undefined;
  #isTrusted = false;
  #shown: chain.Shown | undefined;
  #log: log.Recomputed | undefined;
  #heads: Head[] | undefined;
  #history: Placed[] | undefined;
  #cases: decisions.Case[] | undefined;

  constructor(
    readonly bundle: Bundle,
    readonly trust: Trust,
  ) {}

  async attempt(trial: Trial): Promise<void> {
    const { bundle, trust } = this;
    /** Work whose result counts only where the headers lead to a trusted block; its failures count anyway. */
    const onChain = (work: () => string | Promise<string>) => async () => {
      const detail = await work();
      if (!this.#isTrusted) throw new CannotCheck(`${detail} - but the block headers are not linked to a block that you trust`);
      return detail;
    };
    await trial.attempt(claims.MANIFEST, () => bundle.checkFiles());
    await trial.attempt(claims.SIGNATURE, () => bundle.checkSignature());
    this.#isTrusted = await trial.attempt(claims.HEADERS, () => {
      this.#linked = chain.link(bundle);
      return chain.checkBlock(this.#linked, trust.block);
    });
    await trial.attempt(claims.RECEIPTS, onChain(() => this.#receipts()));
    await trial.attempt(claims.ANCHORS, onChain(() => this.#anchors()));
    await trial.attempt(claims.TREE, onChain(() => log.checkTree(this.#entries, this.#anchored)));
    await trial.attempt(claims.TAIL, onChain(() => log.checkTail(this.#entries, this.#anchored)));
    const own = trust.keys.filter((key) => key.type === 1);
    await trial.attempt(claims.CHECKPOINTS, () => log.checkCheckpoints(bundle, this.#entries, own));
    await trial.attempt(claims.CONSISTENCY, onChain(() => log.checkConsistency(bundle, this.#entries, this.#anchored)));
    await trial.attempt(claims.ACCESSES, onChain(() => log.checkAccesses(bundle, this.#entries, need(this.#shown, "receipts").events)));
    await trial.attempt(claims.DECISIONS, onChain(async () => {
      const cases = await decisions.readCases(bundle);
      const detail = decisions.checkReceipts(cases, this.#entries, need(this.#linked, "headers"));
      this.#cases = cases;
      return detail;
    }));
    await trial.attempt(claims.HISTORY, onChain(() => this.#consents()));
    await trial.attempt(claims.COMPLETENESS, onChain(() =>
      chain.checkCompleteness(bundle, need(this.#shown, "receipts"), need(this.#history, "history")),
    ));
    await trial.attempt(claims.COHORTS, () => {
      const cases = decisions.withMembers(bundle, need(this.#cases, "decisions"));
      return decisions.checkCohorts(cases, this.#entries, this.#history);
    });
    await trial.attempt(claims.REPLAY, onChain(() =>
      checkReplay(decisions.withMembers(bundle, need(this.#cases, "decisions")), need(this.#history, "history")),
    ));
    if (trust.needed) await trial.attempt(claims.WITNESSES, () => log.checkWitnesses(bundle, this.#entries, trust.keys, trust.needed));
  }

  #receipts(): string {
    const { contracts, manifest } = this.bundle;
    const stated = new Map([...contracts].map(([address, name]) => [name, address]));
    if (![DIRECTORY, REGISTRY, ANCHOR].every((name) => stated.has(name)) || stated.size !== 3 || contracts.size !== 3) {
      throw new ProofInvalid(`${MANIFEST}: it must name three contracts at three addresses`);
    }
    for (const [name, address] of this.trust.contracts) {
      if (manifest.chain.contracts[name] !== address) throw new ProofInvalid(`${MANIFEST}: ${name} is not at the address you gave, ${address}`);
    }
    const { receipts, blocks, events } = (this.#shown = chain.readReceipts(this.bundle, need(this.#linked, "headers")));
    const where = [...stated].sort(([one], [other]) => (one < other ? -1 : 1)).map((pair) => pair.join(" ")).join(", ");
    const whose = this.trust.contracts.size ? "(the addresses you gave)" : "(the bundle's own statement)";
    return `${receipts} receipts in ${blocks} blocks, ${events.length} events of ${where} ${whose}`;
  }

  #anchors(): string {
    const heads = (this.#heads = log.checkAnchors(this.bundle, need(this.#shown, "receipts").events));
    const last = heads.at(-1);
    return `${heads.length} anchored heads${last ? `, the last of ${last.size} entries` : ""}`;
  }

  #consents(): string {
    const { bundle } = this;
    const interest = decisions.interestOf(bundle, need(this.#cases, "decisions"));
    this.#history = chain.checkHistory(bundle, need(this.#shown, "receipts"), interest);
    const names = this.#history.flatMap(({ event }) => (event.kind === "InstitutionAdmitted" && event.id === bundle.log ? [event.name] : []));
    if (names.length !== 1 || names[0] !== bundle.manifest.institution) {
      throw new ProofInvalid(`${MANIFEST}: the institution's name is not the one that the Directory recorded`);
    }
    return `${this.#history.length} events about ${interest.subjects.size} subjects and what the decisions rest on`;
  }

  get #entries(): log.Recomputed {
    return (this.#log ??= log.recompute(this.bundle));
  }

  get #anchored(): Head[] {
    return need(this.#heads, "anchors");
  }
}

function need<Value>(value: Value | undefined, claim: string): Value {
  if (value === undefined) throw new CannotCheck(`it rests on the claim '${claim}', which does not hold`);
  return value;
}
