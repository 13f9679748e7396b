/**
 * `deno task when`: the figures of docs/WHEN.md, from exact blocks and trainings on the families that it is about.
 *
 * @module
 */

import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import { helpText, readArguments, run, writeWhole } from "../../src/cli/mod.ts";
import { heldOut } from "../held_out.ts";
import { unset } from "../studies/study.ts";
import type { StudyTask } from "../studies/task.ts";
import { tasks } from "../studies/tasks.ts";
import { heteroscedastic, imbalancedClasses, rareCluster } from "../studies/families.ts";
import { cloudPicture } from "../when/cloud.ts";
import { exactStages } from "../when/exact.ts";
import {
  blocksPicture,
  blocksTable,
  type FamilyBlocks,
  type FamilyTrainings,
  trainingPicture,
  trainingTable,
} from "../when/figures.ts";

const options = {
  seeds: {
    kind: "integer",
    range: { min: 2, max: 100 },
    help: "trainings of each family and setting (default: 10)",
  },
  out: { kind: "text", placeholder: "DIR", help: "where WHEN.md is (default: docs)" },
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Draws the pictures of docs/WHEN.md and writes its tables between the lines that are marked: exact\n" +
  "Fisher blocks of small networks, and trainings with TEKFAC and EKFAC on the same families of data.";

/** Seeds that nothing was chosen with. */
const FIRST_SEED = 100;

/** What both optimizers are set to. */
const SETTINGS = [
  { setting: "defaults", options: {} },
  { setting: "full bases", options: { rank: "full" } },
] as const;

const FAMILIES = [
  { name: "imbalanced", title: "imbalanced classes", draw: imbalancedClasses },
  { name: "rare-cluster", title: "a rare cluster", draw: rareCluster },
  { name: "heteroscedastic", title: "heteroscedastic labels", draw: heteroscedastic },
] as const;

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("when", args, options);
  if (given.help) return console.log(helpText("when", purpose, options));
  const { seeds = 10, out = "docs" } = given;
  const trainings: FamilyTrainings[] = [];
  const wasm = await createBackend({ prefer: ["wasm"], threads: 1 });
  try {
    for (const { name, title } of FAMILIES) {
      const task = tasks.find((candidate) => candidate.name === name)!;
      for (const { setting, options } of SETTINGS) {
        trainings.push({ title, setting, ...await trained(wasm, task, options, seeds) });
      }
    }
  } finally {
    wasm[Symbol.dispose]();
  }
  const blocks: FamilyBlocks[] = [];
  const reference = await createBackend({ prefer: ["reference"] });
  try {
    for (const { title, draw } of FAMILIES) {
      blocks.push({ title, stages: exactStages(reference, draw(), FIRST_SEED) });
    }
  } finally {
    reference[Symbol.dispose]();
  }
  await Deno.mkdir(`${out}/pictures`, { recursive: true });
  const pictures = { cloud: cloudPicture(), blocks: blocksPicture(blocks) };
  const all = { ...pictures, training: trainingPicture(trainings) };
  for (const [name, svg] of Object.entries(all)) {
    await writeWhole(`${out}/pictures/when_${name}.svg`, svg);
  }
  const page = `${out}/WHEN.md`;
  let text = await Deno.readTextFile(page);
  text = between(text, "blocks", blocksTable(blocks));
  text = between(text, "training", trainingTable(trainings));
  await writeWhole(page, text);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page] }).output();
  console.log(page);
}

/** Both optimizers on a task with every seed, taking turns. */
async function trained(
  backend: Backend,
  task: StudyTask,
  both: object,
  seeds: number,
): Promise<Pick<FamilyTrainings, "learned" | "heldOut">> {
  const settings = { ...unset, tekfac: both, ekfac: both };
  const { workload } = await task.open({ backend, data: undefined, settings });
  const names: readonly OptimizerName[] = ["tekfac", "ekfac"];
  const learned = [[], []] as [
    { seed: number; value: number }[],
    { seed: number; value: number }[],
  ];
  const judged = [[], []] as typeof learned;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
    for (const [i, optimizer] of names.entries()) {
      const { epochs } = task;
      const record = await workload.train({
        ...{ kind: "run", optimizer, index: 0, seed, point: {}, epochs },
      });
      learned[i].push({ seed, value: record.trainLoss });
      judged[i].push({ seed, value: heldOut(task.metric, record) });
    }
  }
  return { learned, heldOut: judged };
}

/** A text with another part between the lines `<!-- name -->` and `<!-- /name -->`. */
function between(text: string, name: string, part: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) {
    throw new Error(`Cannot write figures: expected '${open}' in the page`);
  }
  return `${text.slice(0, from + open.length)}\n\n${part}\n\n${text.slice(to)}`;
}

if (import.meta.main) await run(main);
