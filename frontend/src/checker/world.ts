// The state of the chain at a block, as far as decisions look at it (`ledger.domain.projection`).

import { ProofInvalid } from "./bytes.ts";
import type { Event, Study } from "./events.ts";
import type { Dataset } from "./release.ts";
import type { Scope } from "./vocabulary.ts";

export const ACTIVE = 1; // the state of an institution

export interface Consent {
  id: string;
  version: number;
  scope: Scope;
  validUntil: number;
  termsVersion: number;
  active: boolean;
}

/** Facts by their ids. */
export class World {
  readonly institutions = new Map<string, number>();
  readonly terms = new Map<string, number>();
  readonly studies = new Map<string, { study: Study; state: number }>();
  readonly engines = new Map<string, { institution: string; operations: number; active: boolean }>();
  readonly datasets = new Map<string, Dataset>();
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
        this.datasets.set(event.id, { custodian: event.custodian, terms: event.terms, closed: false });
        break;
      case "DatasetAmended":
        held(this.datasets, event.id, "dataset").terms = event.terms;
        break;
      case "DatasetClosed":
        held(this.datasets, event.id, "dataset").closed = true;
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
