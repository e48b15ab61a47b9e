// The patients' rule (`ledger.domain.policy`), a fourth time.
//
// Invariants: unknown is never yes; any matching deny wins; one single consent must permit the whole request.

import type { Obligation } from "./data_use.ts";
import type { Request } from "./decisions.ts";
import type { Study } from "./events.ts";
import { ANY16, CONDITIONS, FOREVER, hasOnly, isUnderstood, known, PERMIT, type Scope, USES } from "./vocabulary.ts";
import { ACTIVE, type Consent, type World } from "./world.ts";

/** The version of this rule and of the data-use layer behind it, which receipts name. */
export const POLICY_VERSION = "consentry.policy/1";
const STUDY_ACTIVE = 3;
const DISEASE = 2; // the place of the use among USES
const DS = 8;
// For each use: the purposes that contain it wholly, and those that touch it at all.
const ACCEPTS = [0b11, 0b111, 0b111, 0b10011, 0b100001, 0b1000001];
const TOUCHES = [0b10111, 0b111, 0b111, 0b10011, 0b100001, 0b1000001];

/** A decision on one subject; `until` is the first instant at which time alone could change it. */
export interface Answer {
  outcome: string;
  reason: string;
  consent: string | null;
  version: number;
  until: number;
  codes: string[];
  obligations: Obligation[];
}

/** A refusal. */
export const deny = (reason: string, consent?: Consent, until = FOREVER): Answer => ({
  outcome: "deny", reason, consent: consent?.id ?? null, version: consent?.version ?? 0, until, codes: [], obligations: [],
});

/** The patients' rule on one subject. */
export function decide(request: Request, world: World, subject: string, at: number): Answer {
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
  if (permitting) return { ...deny("permitted", permitting, until), outcome: "permit" };
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
