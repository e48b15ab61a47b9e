// Deciding again, from what the chain shows in a bundle: the patients' rule (`ledger.domain.policy`), a fourth time. The terms
// of datasets are not judged here: where a custodian registered some, what the rule permits is left to the command.
//
// Invariants: unknown is never yes; any matching deny wins; one single consent must permit the whole request; an answer that
// is stricter than the chain is accepted only with a reason for it.

import { CannotCheck, ProofInvalid } from "./bytes.ts";
import { type Case, checkWords, type Request } from "./decisions.ts";
import type { Event, Placed, Study } from "./events.ts";
import * as form from "./form.ts";
import { canonical } from "./json.ts";
import { ANY16, CONDITIONS, FOREVER, hasOnly, isUnderstood, known, PERMIT, type Scope, USES } from "./vocabulary.ts";

const ACTIVE = 1;
const STUDY_ACTIVE = 3;
const DISEASE = 2; // the place of the use among USES
const DS = 8;
// For each use: the purposes that contain it wholly, and those that touch it at all.
const ACCEPTS = [0b11, 0b111, 0b111, 0b10011, 0b100001, 0b1000001];
const TOUCHES = [0b10111, 0b111, 0b111, 0b10011, 0b100001, 0b1000001];
const BY_DATASETS = [
  "dataset_unknown", "dataset_not_active", "dataset_of_another_custodian", "data_use_denied", "data_use_unknown", "ontology_disagrees",
];

interface Consent {
  id: string;
  version: number;
  scope: Scope;
  validUntil: number;
  termsVersion: number;
  active: boolean;
}

/** The state of the chain at a block, as far as decisions look at it. */
class World {
  readonly institutions = new Map<string, number>();
  readonly terms = new Map<string, number>();
  readonly studies = new Map<string, { study: Study; state: number }>();
  readonly engines = new Map<string, { institution: string; operations: number; active: boolean }>();
  readonly datasets = new Map<string, string>();
  readonly custodians = new Map<string, string>();
  readonly consents = new Map<string, Map<string, Consent>>();

  apply(event: Event): void {
    switch (event.kind) {
      case "InstitutionAdmitted":
        this.institutions.set(event.id, ACTIVE);
        break;
      case "InstitutionStateChanged":
        held(this.institutions, event.id, "institution");
        this.institutions.set(event.id, oneOf(event.state, 2));
        break;
      case "TermsPublished":
        this.terms.set(event.hash, event.version);
        break;
      case "StudyProposed":
        this.studies.set(event.id, { study: event, state: 1 });
        break;
      case "StudyStateChanged":
        held(this.studies, event.id, "study").state = oneOf(event.state, 5);
        break;
      case "EngineRegistered":
        this.engines.set(event.id, { institution: event.institution, operations: event.operations, active: true });
        break;
      case "EngineRevoked":
        held(this.engines, event.id, "engine").active = false;
        break;
      case "DatasetRegistered":
        this.datasets.set(event.id, event.custodian);
        break;
      case "DatasetAmended":
      case "DatasetClosed":
        held(this.datasets, event.id, "dataset");
        break;
      case "SubjectEnrolled":
        this.custodians.set(event.subject, event.custodian);
        if (!this.consents.has(event.subject)) this.consents.set(event.subject, new Map());
        break;
      case "ConsentRecorded": {
        const { id, version, scope, valid_until: validUntil } = event;
        oneOf(event.capacity, 4);
        const termsVersion = held(this.terms, scope.terms, "text");
        if (!this.consents.has(event.subject)) this.consents.set(event.subject, new Map());
        this.consents.get(event.subject)!.set(id, { id, version, scope, validUntil, termsVersion, active: true });
        break;
      }
      case "ConsentWithdrawn":
        if (event.version) held(this.consents.get(event.subject) ?? new Map<string, Consent>(), event.id, "consent").active = false;
        break;
      case "AllWithdrawn":
        for (const consent of this.consents.get(event.subject)?.values() ?? []) consent.active = false;
    }
  }
}

function held<Fact>(facts: Map<string, Fact>, id: string, what: string): Fact {
  const found = facts.get(id);
  if (found === undefined) throw new ProofInvalid(`an event changes ${what} ${id}, which no earlier event made; replay the chain`);
  return found;
}

function oneOf(value: number, most: number): number {
  if (value < 1 || value > most) throw new ProofInvalid(`${value} is no known state or capacity`);
  return value;
}

interface Answer {
  outcome: string;
  reason: string;
  consent: string | null;
  version: number;
  until: number;
}

const deny = (reason: string, consent?: Consent, until = FOREVER): Answer => ({
  outcome: "deny", reason, consent: consent?.id ?? null, version: consent?.version ?? 0, until,
});

/** The patients' rule on one subject. */
function decide(request: Request, world: World, subject: string, at: number): Answer {
  const held = world.studies.get(request.study);
  const refusal = refused(request, world, at);
  if (refusal) return deny(refusal);
  const consents = world.consents.get(subject);
  if (!consents) return deny("subject_unknown");
  const { study } = held!;
  let until = study.ethics_until;
  let [live, denying, permitting, stale]: [boolean, Consent?, Consent?, Consent?] = [false];
  for (const consent of consents.values()) {
    const { scope, validUntil, active } = consent;
    if (!active) continue;
    if (!understood(consent)) {
      denying = lower(denying, consent);
      continue;
    }
    if (at < scope.validFrom) {
      until = Math.min(until, scope.validFrom);
      continue;
    }
    if (at >= validUntil) continue;
    until = Math.min(until, validUntil);
    if (scope.effect !== PERMIT) {
      if (touches(scope, request, study)) denying = lower(denying, consent);
      continue;
    }
    live = true;
    if (!covers(scope, request, study)) continue;
    if (consent.termsVersion >= study.required_terms) permitting = lower(permitting, consent);
    else stale = lower(stale, consent);
  }
  if (denying) return deny(understood(denying) ? "denied_by_subject" : "unknown_code", denying, until);
  if (permitting) return { outcome: "permit", reason: "permitted", consent: permitting.id, version: permitting.version, until };
  if (stale) return deny("reconsent_required", stale, until);
  return deny(live ? "not_covered" : "no_consent", undefined, until);
}

/** The reason for which the request is refused whoever the subject is. */
function refused(request: Request, world: World, at: number): string | undefined {
  const found = world.studies.get(request.study);
  if (!found) return "study_unknown";
  const { study, state } = found;
  const engine = world.engines.get(request.engine);
  if (!study.uses || !hasOnly(study.uses, known(USES)) || !hasOnly(study.conditions, known(CONDITIONS))) return "unknown_code";
  if (state !== STUDY_ACTIVE) return "study_not_active";
  if (world.institutions.get(study.institution) !== ACTIVE) return "institution_not_active";
  if (at >= study.ethics_until) return "ethics_expired";
  if (!engine) return "engine_unknown";
  if (!engine.active) return "engine_not_active";
  if (engine.institution !== study.institution) return "engine_of_another_institution";
  return engine.operations & request.operation ? undefined : "operation_not_registered";
}

/** Whether a permit of this scope allows the whole request. */
function covers(scope: Scope, request: Request, study: Study): boolean {
  return (
    isRecipient(scope, study) &&
    USES.every((_, use) => !(study.uses & (1 << use)) || accepts(scope, use, study)) &&
    hasOnly(study.conditions, scope.conditions) &&
    hasOnly(request.categories, scope.categories) &&
    Boolean(request.operation & scope.operations) &&
    scope.dataFrom <= request.dataFrom &&
    request.dataUntil <= scope.dataUntil
  );
}

/** Whether a deny of this scope forbids any part of the request. */
function touches(scope: Scope, request: Request, study: Study): boolean {
  return (
    isRecipient(scope, study) &&
    USES.some((_, use) => study.uses & (1 << use) && scope.purposes & TOUCHES[use]!) &&
    (scope.conditions === ANY16 || Boolean(study.conditions & scope.conditions)) &&
    Boolean(request.categories & scope.categories) &&
    Boolean(request.operation & scope.operations) &&
    scope.dataFrom < request.dataUntil &&
    request.dataFrom < scope.dataUntil
  );
}

/** Whether the scope's purposes accept one use of the study; a disease also where the consent names it or one above it. */
function accepts(scope: Scope, use: number, study: Study): boolean {
  if (scope.purposes & ACCEPTS[use]!) return true;
  if (use !== DISEASE || !(scope.purposes & DS) || !study.diseases.length) return false;
  const named = new Set(scope.diseases.filter(Boolean));
  return study.diseases.every((closure) => closure.some((code) => named.has(code)));
}

const isRecipient = ({ recipientKind: kind, recipient }: Scope, study: Study): boolean =>
  kind === 1 || (kind === 2 && recipient === study.institution) || (kind === 3 && recipient === study.id);

const understood = ({ scope, version, termsVersion, validUntil }: Consent): boolean =>
  isUnderstood(scope) && version > 0 && termsVersion > 0 && validUntil <= scope.validUntil;

const lower = (one: Consent | undefined, other: Consent): Consent => (one && one.id <= other.id ? one : other);

/** Decide everything again, each at its block. */
export function checkReplay(cases: Case[], history: Placed[]): string {
  const world = new World();
  const waiting = [...history];
  let [decided, pending, contested, unjudged] = [0, 0, 0, 0];
  for (const one of [...cases].sort((a, b) => a.receipt.block.number - b.receipt.block.number)) {
    while (waiting.length && waiting[0]!.block <= BigInt(one.receipt.block.number)) {
      const { event, block } = waiting.shift()!;
      try {
        world.apply(event);
      } catch (problem) {
        throw new ProofInvalid(`${form.CONSENTS}, block ${block}: ${(problem as Error).message}`);
      }
    }
    unjudged += replayed(one, world);
    const said = (reason: string) => one.members.filter((member) => member.reason === reason).length;
    decided += one.members.length;
    pending += said("pending_withdrawal") + said("not_final") + said("erased");
    contested += said("ontology_disagrees");
  }
  let detail = `${decided} decisions of ${cases.length} questions come out the same`;
  if (pending) detail += `; ${pending} of them were denied for an act on its way to the chain, or not final, or an erasure`;
  const erased = cases.reduce((sum, one) => sum + one.erased.size, 0);
  const lost = erased ? [`${erased} rows were erased`] : [];
  if (contested) lost.push(`${contested} abstained by an ontology that is not in the bundle`);
  if (unjudged) lost.push(`${unjudged} rest on terms of datasets, which only the command reads`);
  if (lost.length) throw new CannotCheck(`${detail}; ${lost.join(" and ")}, which cannot be computed again${unjudged ? " here" : ""}`);
  return detail;
}

/** Replay one question; the number of its rows that rest on the terms of datasets. */
function replayed(one: Case, world: World): number {
  checkWords(one);
  const what = `${form.DECISIONS}, decision ${one.line.decision}`;
  const limited = new Set(world.datasets.values());
  let [unjudged, until] = [0, FOREVER];
  for (const { subject, outcome, reason, consent, version } of one.members) {
    let again = decide(one.request, world, subject, one.receipt.at);
    const isOpen = again.outcome === "permit" && (one.request.dataset !== undefined || limited.has(world.custodians.get(subject)!));
    if (isOpen) unjudged += 1;
    if ((reason === "pending_withdrawal" || reason === "not_final") && again.outcome === "permit") again = { ...again, outcome: "deny", reason };
    if (reason === "erased") again = deny("erased");
    if (isOpen && BY_DATASETS.includes(reason)) again = { ...deny(reason), outcome, until: again.until };
    until = Math.min(until, again.until);
    if (again.outcome !== outcome || again.reason !== reason || again.consent !== consent || again.version !== version) {
      throw new ProofInvalid(`${what}: on subject ${subject} it said ${outcome} (${reason}); the chain says ${again.outcome} (${again.reason})`);
    }
  }
  if (!sumsUp(one, until, unjudged > 0)) throw new ProofInvalid(`${what}: the receipt does not sum up its rows`);
  return unjudged;
}

/** Whether the receipt says what its rows say together; where some are erased or unjudged, whether it does not contradict them. */
function sumsUp({ receipt, members, erased }: Case, until: number, isOpen: boolean): boolean {
  const outcomes = new Set(members.map(({ outcome }) => outcome));
  const reasons = [...new Set(members.map(({ reason }) => reason))].sort();
  if (erased.size) {
    return sums(outcomes, true).includes(receipt.outcome) && reasons.every((one) => receipt.reasons.includes(one)) && receipt.valid_until <= until;
  }
  const used = members.filter(({ consent }) => consent !== null).map(({ consent, version }) => [consent!, version] as [string, number]);
  const versions = [...new Map(used.map((pair) => [pair.join(), pair])).values()].sort(([a, v], [b, w]) => (a < b ? -1 : a > b ? 1 : v - w));
  const consents = canonical(receipt.consents.map(({ id, version }) => [id, version]));
  return (
    sums(outcomes, false).includes(receipt.outcome) &&
    receipt.reasons.join() === (reasons.join() || "no_subjects") &&
    (isOpen ? receipt.valid_until <= until : receipt.valid_until === until) &&
    (consents === canonical(versions) || consents === "[]") &&
    (isOpen || (!receipt.codes.length && !receipt.obligations.length))
  );
}

/** What a receipt may say of rows with these outcomes, and of others that are not shown. */
function sums(outcomes: Set<string>, others: boolean): string[] {
  if (outcomes.has("permit")) return ["permit"];
  if (!others) return [outcomes.size === 1 && outcomes.has("abstain") ? "abstain" : "deny"];
  return outcomes.has("deny") ? ["permit", "deny"] : ["permit", "deny", "abstain"];
}
