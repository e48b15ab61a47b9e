// The page's checker as a command, for tests: reads one JSON object a line from its input, {"bundle", "block", "contracts",
// "witnesses", "needed"} or {"participation", "logKeys"}, and writes one list of claims a line.

import { readFileSync } from "node:fs";

import { checkBundle } from "../src/checker/check.ts";
import { parseKey } from "../src/checker/note.ts";
import { checkParticipation } from "../src/checker/participation.ts";

interface Job {
  bundle: string;
  block?: string;
  contracts?: Record<string, string>;
  witnesses?: string[];
  needed?: number;
  participation?: string;
  logKeys?: string[];
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { bundle, block = "", contracts = {}, witnesses = [], needed = witnesses.length, participation, logKeys = [] } = JSON.parse(line) as Job;
  const keys = witnesses.map((key) => parseKey(key, "witness"));
  const trust = { keys, needed, block, contracts: new Map(Object.entries(contracts)) };
  if (participation) {
    const trusted = { keys: logKeys.map((key) => parseKey(key, "log")), needed: 0 };
    console.log(JSON.stringify(await checkParticipation(readFileSync(participation, "utf8"), trusted)));
    continue;
  }
  console.log(JSON.stringify(await checkBundle(new Uint8Array(readFileSync(bundle)), trust)));
}
