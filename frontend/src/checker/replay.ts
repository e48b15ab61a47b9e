// Deciding again, from what the chain shows in a bundle: the patients' rule, then the terms of datasets.
//
// Invariants: an answer that is stricter than the chain is accepted only with a reason for it; a decision under another version
// of the rules is not computed again, and never passes.

import { CannotCheck, ProofInvalid } from "./bytes.ts";
import type { Obligation } from "./data_use.ts";
import { type Case, checkWords } from "./decisions.ts";
import type { Placed } from "./events.ts";
import * as form from "./form.ts";
import { canonical } from "./json.ts";
import { type Answer, decide, deny, POLICY_VERSION } from "./policy.ts";
import { judge, type Release } from "./release.ts";
import { FOREVER } from "./vocabulary.ts";
import { World } from "./world.ts";

const BY_TERMS = ["data_use_denied", "data_use_unknown"];

/** Decide everything again, each at its block. */
export function checkReplay(cases: Case[], history: Placed[]): string {
  const world = new World();
  const waiting = [...history];
  let [decided, pending, contested] = [0, 0, 0];
  const ours = cases.filter(({ receipt }) => receipt.policy === POLICY_VERSION);
  for (const one of [...ours].sort((a, b) => a.receipt.block.number - b.receipt.block.number)) {
    while (waiting.length && waiting[0]!.block <= BigInt(one.receipt.block.number)) {
      const { event, block } = waiting.shift()!;
      try {
        world.apply(event);
      } catch (problem) {
        throw new ProofInvalid(`${form.CONSENTS}, block ${block}: ${(problem as Error).message}`);
      }
    }
    replay(one, world);
    const said = (reason: string) => one.members.filter((member) => member.reason === reason).length;
    decided += one.members.length;
    pending += said("pending_withdrawal") + said("not_final") + said("erased");
    contested += said("ontology_disagrees");
  }
  let detail = `${decided} decisions of ${ours.length} questions come out the same`;
  if (pending) detail += `; ${pending} of them were denied for an act on its way to the chain, or not final, or an erasure`;
  const erased = ours.reduce((sum, one) => sum + one.erased.size, 0);
  const lost = erased ? [`${erased} rows were erased`] : [];
  if (contested) lost.push(`${contested} abstained by an ontology that is not in the bundle`);
  if (ours.length < cases.length) lost.push(`${cases.length - ours.length} questions were decided by another version of the rules`);
  if (lost.length) throw new CannotCheck(`${detail}; ${lost.join(" and ")}, which cannot be computed again`);
  return detail;
}

/** Replay one question. */
function replay(one: Case, world: World): void {
  checkWords(one);
  const what = `${form.DECISIONS}, decision ${one.line.decision}`;
  const ask = asker(one, world);
  const answers: Answer[] = [];
  for (const { subject, outcome, reason, consent, version } of one.members) {
    let again = ask(subject);
    const isPermit = again.outcome === "permit";
    if ((reason === "pending_withdrawal" || reason === "not_final") && isPermit) again = { ...again, outcome: "deny", reason, obligations: [] };
    if (reason === "erased") again = deny("erased");
    if (reason === "ontology_disagrees" && (isPermit || BY_TERMS.includes(again.reason))) {
      again = { ...deny(reason, undefined, one.receipt.valid_until), outcome: "abstain" };
    }
    answers.push(again);
    if (again.outcome !== outcome || again.reason !== reason || again.consent !== consent || again.version !== version) {
      throw new ProofInvalid(`${what}: on subject ${subject} it said ${outcome} (${reason}); the chain says ${again.outcome} (${again.reason})`);
    }
  }
  if (!sumsUp(one, answers)) throw new ProofInvalid(`${what}: the receipt does not sum up its rows`);
}

/** A question, put again to what the chain shows: the patients' rule, then the data-use layer, judged once a custodian. */
function asker({ request, receipt: { at } }: Case, world: World): (subject: string) => Answer {
  const releases = new Map<string, Release | undefined>();
  return (subject) => {
    const found = decide(request, world, subject, at);
    if (found.outcome !== "permit") return found;
    const custodian = world.custodians.get(subject)!;
    if (!releases.has(custodian)) {
      releases.set(custodian, judge(world.studies.get(request.study)!.study, custodian, request.dataset, world.datasets, at));
    }
    const release = releases.get(custodian);
    if (!release) return found;
    const until = Math.min(found.until, release.until);
    if (release.outcome === "permit") return { ...found, until, obligations: release.obligations };
    return { ...deny(release.reason, undefined, until), outcome: release.outcome, codes: release.codes };
  };
}

/** Whether the receipt says what its rows say together; where some are erased, whether it does not contradict them. */
function sumsUp({ receipt, members, erased }: Case, answers: Answer[]): boolean {
  const outcomes = new Set(members.map(({ outcome }) => outcome));
  const reasons = [...new Set(members.map(({ reason }) => reason))].sort();
  const until = answers.reduce((least, answer) => Math.min(least, answer.until), FOREVER);
  if (erased.size) {
    return sums(outcomes, true).includes(receipt.outcome) && reasons.every((one) => receipt.reasons.includes(one)) && receipt.valid_until <= until;
  }
  const used = members.filter(({ consent }) => consent !== null).map(({ consent, version }) => [consent!, version] as [string, number]);
  const versions = [...new Map(used.map((pair) => [pair.join(), pair])).values()].sort(([a, v], [b, w]) => (a < b ? -1 : a > b ? 1 : v - w));
  const consents = canonical(receipt.consents.map(({ id, version }) => [id, version]));
  const codes = new Set(answers.flatMap((answer) => answer.codes));
  const duties = new Set(answers.flatMap((answer) => answer.obligations.map(plain)));
  return (
    sums(outcomes, false).includes(receipt.outcome) &&
    canonical(receipt.reasons) === canonical(reasons.length ? reasons : ["no_subjects"]) &&
    receipt.valid_until === until &&
    (consents === canonical(versions) || consents === "[]") &&
    canonical(receipt.codes) === canonical([...codes].sort()) &&
    canonical(receipt.obligations.map(plain)) === canonical([...duties].sort())
  );
}

/** An obligation as one text, in the order of which they stand in a receipt. */
const plain = ({ id, properties }: Obligation): string => canonical([id, properties]);

/** What a receipt may say of rows with these outcomes, and of others that are not shown. */
function sums(outcomes: Set<string>, others: boolean): string[] {
  if (outcomes.has("permit")) return ["permit"];
  if (!others) return [outcomes.size === 1 && outcomes.has("abstain") ? "abstain" : "deny"];
  return outcomes.has("deny") ? ["permit", "deny"] : ["permit", "deny", "abstain"];
}
