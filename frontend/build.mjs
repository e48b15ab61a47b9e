// Builds dist/checker.html: one file, with its script and style inside and a policy that lets it load nothing else.
// With --tests it bundles the tests into build/ instead, for node's own runner; with --command FILE it bundles the same
// checker as a command of Node, which the tests hold against `consentry verify`.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

const common = { bundle: true, charset: "utf8", target: "es2022", legalComments: "inline", write: false };

function source(sha) {
  return `sha256-${createHash("sha256").update(sha).digest("base64")}`;
}

if (process.argv.includes("--tests")) {
  rmSync("build", { recursive: true, force: true });
  mkdirSync("build");
  for (const name of readdirSync("test").filter((one) => one.endsWith(".test.ts"))) {
    const [built] = buildSync({ ...common, entryPoints: [`test/${name}`], platform: "node", format: "esm" }).outputFiles;
    writeFileSync(`build/${name.replace(/ts$/, "mjs")}`, built.contents);
  }
} else if (process.argv[2] === "--command") {
  const [built] = buildSync({ ...common, entryPoints: ["test/command.ts"], platform: "node", format: "esm" }).outputFiles;
  writeFileSync(process.argv[3], built.contents);
} else {
  const [built] = buildSync({ ...common, entryPoints: ["src/checker/page.ts"], format: "iife" }).outputFiles;
  const js = `\n${built.text}`;
  const css = `\n${readFileSync("src/checker/page.css", "utf8")}`;
  if (js.includes("</script")) throw new Error("the script would end the page's element");
  const parts = { js, css, script: source(js), style: source(css) };
  const page = readFileSync("src/checker/page.html", "utf8").replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
  writeFileSync(process.argv[2] ?? "dist/checker.html", page);
}
