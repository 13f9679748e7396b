/**
 * `deno task evidence`: docs/EVIDENCE.md and its pictures, from what studies have left.
 *
 * @module
 */

import { helpText, readArguments, run, writeWhole } from "../../src/cli/mod.ts";
import { evidencePage } from "../studies/evidence_document.ts";
import { tasks } from "../studies/tasks.ts";

const options = {
  runs: { kind: "text", placeholder: "DIR", help: "run directories of studies (default: runs)" },
  out: { kind: "text", placeholder: "DIR", help: "where EVIDENCE.md is written (default: docs)" },
  remark: {
    kind: "text",
    placeholder: "TEXT",
    help: "what else a reader has to know of the runs (default: nothing)",
  },
  help: { kind: "flag", help: "this text" },
} as const;

const purpose = "Writes EVIDENCE.md and its pictures from what studies have left.";

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("evidence", args, options);
  if (given.help) return console.log(helpText("evidence", purpose, options));
  const { runs = "runs", out = "docs", remark = "" } = given;
  const { text, pictures } = await evidencePage(runs, tasks, remark);
  await Deno.mkdir(`${out}/pictures`, { recursive: true });
  for (const [name, svg] of pictures) await writeWhole(`${out}/pictures/${name}`, svg);
  const page = `${out}/EVIDENCE.md`;
  await writeWhole(page, text);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page] }).output();
  console.log(page);
}

if (import.meta.main) await run(main);
