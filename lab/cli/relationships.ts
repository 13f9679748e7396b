/**
 * `deno task relationships`: the exact Fisher blocks of a small network, what the four approximations make
 * of them, and whether the theorems hold.
 *
 * @module
 */

import { createBackend } from "@tekfac/tekfac/backend";
import { NumericalError } from "@tekfac/tekfac/core";
import { formatNumber, formatPercent, formatTable } from "@tekfac/tekfac/pages";
import {
  checkOwnPage,
  checkWritable,
  helpText,
  readArguments,
  run,
  writeWhole,
} from "../../src/cli/mod.ts";
import {
  errorTable,
  familyTable,
  relationshipsPage,
  relationshipsReport,
  theoremTable,
  verdictOf,
} from "../relationships/report.ts";
import { MOST_EXAMPLES, studyModels, studyRelationships } from "../relationships/study.ts";

const options = {
  model: {
    kind: "choice",
    choices: studyModels,
    help: "what is trained: convolutions and dense layers, or dense layers alone (default: cnn)",
  },
  epochs: {
    kind: "integer",
    range: { min: 0, max: 1000 },
    help: "passes over the training images before F is computed (default: 5)",
  },
  examples: {
    kind: "integer",
    range: { min: 1, max: MOST_EXAMPLES },
    help: "examples that F is the mean over (default: 256)",
  },
  seed: {
    kind: "integer",
    range: { min: 0, max: 2 ** 32 - 1 },
    help: "decides images, initial weights and order (default: 0)",
  },
  out: {
    kind: "text",
    placeholder: "FILE",
    help: "where the page is written (default: relationships.html)",
  },
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Trains a small network on drawn digits, computes the exact Fisher block of every layer and\n" +
  "KFAC's, EKFAC's, TKFAC's and TEKFAC's approximation of it, and writes a page that shows them\n" +
  "(relationships.html): errors, traces, divergences, heat maps, and whether each theorem held.";

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("relationships", args, options);
  if (given.help) return console.log(helpText("relationships", purpose, options));
  const subject = "Cannot run 'relationships'";
  const { model = "cnn", epochs = 5, examples = 256, seed = 0 } = given;
  const { out = "relationships.html" } = given;
  await checkWritable(subject, "--out", out);
  await checkOwnPage(subject, "--out", out);

  const backend = await createBackend({ prefer: ["reference"] });
  try {
    const { layers, training } = await studyRelationships(backend, {
      ...{ model, epochs, examples, seed },
    });
    const report = relationshipsReport(layers);
    const settings: (readonly [string, string])[] = [
      ["model", model],
      ["data", "drawn digits of 7 x 7 pixels"],
      ["epochs", `${epochs}`],
      ["training loss", formatNumber(training.trainLoss)],
      ["test accuracy", formatPercent(training.testAccuracy)],
      ["Fisher", `empirical over ${examples} examples`],
      ["seed", `${seed}`],
      ["backend", backend.info.description],
    ];
    await writeWhole(out, relationshipsPage(report, settings));
    const tables = [errorTable(report), familyTable(report), theoremTable(report)]
      .map(({ head, rows }) => formatTable(head, rows));
    const lines = settings.map(([name, value]) => `${name} ${value}`).join(", ");
    console.log([lines, ...tables, `${verdictOf(report)}\npage  ${out}`].join("\n\n"));
    const fallen = report.theorems.find(({ held }) => !held);
    if (fallen !== undefined) {
      const { layer, statement } = fallen;
      throw new NumericalError(
        `A theorem did not hold for '${layer}': ${statement}. This is a defect of the library; try other ` +
          "seeds to see whether it depends on the weights, and report it with these options",
        { layer, quantity: "theorem", step: 0 },
      );
    }
  } finally {
    backend[Symbol.dispose]();
  }
}

if (import.meta.main) await run(main);
