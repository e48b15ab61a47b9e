// What a check found: for each claim pass, fail or could not check, with what it proves and what it does not.

import { CannotCheck } from "./bytes.ts";

export type Status = "pass" | "fail" | "could not check";

export interface Claim {
  name: string;
  proves: string;
  doesNotProve: string;
}

export interface Check extends Claim {
  status: Status;
  detail: string;
}

/** Tries claims one by one; whatever goes wrong inside one is a failure of that claim, never of the checker. */
export class Trial {
  readonly checks: Check[] = [];

  async attempt(claim: Claim, work: () => Promise<string> | string): Promise<boolean> {
    let status: Status = "pass";
    let detail: string;
    try {
      detail = await work();
    } catch (problem) {
      status = problem instanceof CannotCheck ? "could not check" : "fail";
      detail = problem instanceof Error ? problem.message : String(problem);
    }
    this.checks.push({ ...claim, status, detail });
    return status === "pass";
  }

  /** All of some claims, in their order; those that were not tried could not be checked. */
  report(claims: Claim[], because: string): Check[] {
    const found = new Map(this.checks.map((check) => [check.name, check]));
    return claims.map((claim) => found.get(claim.name) ?? { ...claim, status: "could not check", detail: because });
  }
}

/** All claims together: one failure fails; one that could not be checked leaves it open. */
export function verdict(checks: Check[]): Status {
  if (!checks.length) return "could not check";
  return (["fail", "could not check"] as const).find((one) => checks.some((check) => check.status === one)) ?? "pass";
}
