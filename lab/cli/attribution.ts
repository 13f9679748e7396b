/**
 * `deno task attribution`: whether influence finds wrong labels, and whether it predicts what training again on half
 * of the examples comes to.
 *
 * @module
 */

import { examplesIn } from "@tekfac/tekfac/data";
import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, openBackend, readArguments, run } from "../../src/cli/mod.ts";
import { METHODS, studyMislabelled } from "../attribution/mislabelled.ts";
import { digitsProblem, tableProblem } from "../attribution/problems.ts";
import { meanOf, type Prediction, studyRetraining } from "../attribution/retraining.ts";
import {
  imagesArgument,
  integer,
  readImages,
  readTable,
  tableArgument,
} from "./study_arguments.ts";

const options = {
  study: {
    kind: "choice",
    choices: ["mislabelled", "retraining"],
    help: "what is asked (default: mislabelled)",
  },
  data: imagesArgument,
  table: { ...tableArgument, help: "CSV with a column y, for retraining" },
  limit: integer(10, "images that are learned from (default: all; 1000 for retraining)"),
  optimizer: {
    kind: "choice",
    choices: ["adam", "tekfac"],
    help: "what trains, of mislabelled (default: adam)",
  },
  epochs: integer(1, "passes over the images, of mislabelled (default: 3)"),
  method: {
    kind: "choice",
    choices: METHODS,
    help: "the only curvature, of mislabelled (default: each in turn)",
  },
  seeds: integer(1, "of mislabelled (default: 3)"),
  halves: integer(3, "random halves, of retraining (default: 50)"),
  trainings: integer(1, "trainings on each half (default: 3)"),
  models: integer(1, "models whose scores are averaged (default: 3)"),
  queries: integer(1, "test images that are asked about (default: 100)"),
  seed: integer(0, "decides labels, halves, weights and order (default: 0)"),
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Judges influence by what it is for. mislabelled: exchanges 5 % of the labels, trains, and counts\n" +
  "how many of them are among the tenth of the examples with the largest self-influence.\n" +
  "retraining: ranks the losses after training on random halves beside those that scores predict.";

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("attribution", args, options);
  if (given.help) return console.log(helpText("attribution", purpose, options));
  const { study = "mislabelled", optimizer = "adam", seed = 0, seeds = 3, epochs = 3 } = given;
  const methods = given.method === undefined ? METHODS : [given.method];
  const backend = await openBackend("auto");
  try {
    if (study === "retraining") return await retraining(backend, given);
    const { train } = await readImages("attribution", given);
    const runs: Awaited<ReturnType<typeof studyMislabelled>>[] = [];
    for (let s = 0; s < seeds; s++) {
      runs.push(
        await studyMislabelled(backend, train, {
          ...{ wrong: 0.05, looked: 0.1, hidden: [512, 512], batchSize: 128, tau: 0.1 },
          ...{ optimizer, epochs, seed: seed + s, methods },
        }),
      );
    }
    const rows = runs[0].map(({ score }, i) => [
      score,
      ...runs.map((run) => `${(100 * run[i].found).toFixed(1)} %`),
    ]);
    const head = ["score", ...runs.map((_, s) => `seed ${seed + s}`)];
    console.log(`${examplesIn(train)} images, ${epochs} epochs\n\n${formatTable(head, rows)}`);
  } finally {
    backend[Symbol.dispose]();
  }
}

async function retraining(
  backend: Parameters<typeof studyRetraining>[0],
  given: ReturnType<typeof readArguments<typeof options>>,
): Promise<void> {
  const { limit = 1000, queries = 100, seed = 0 } = given;
  const { halves = 50, trainings = 3, models = 3 } = given;
  const problem = given.table === undefined
    ? digitsProblem(await readImages("attribution", { data: given.data, limit }), queries)
    : tableProblem(await readTable(given.table), seed);
  const taus = [0.01, 0.1, 1, 10];
  const onProgress = (text: string) => console.error(text);
  const study = { ...{ halves, trainings, models, taus, seed }, onProgress };
  const predictions = await studyRetraining(backend, problem, study);
  const row = ({ method, tau, correlations }: Prediction) => {
    const { mean, low, high } = meanOf(correlations);
    return [
      method,
      tau === undefined ? "" : `${tau}`,
      mean.toFixed(3),
      `${low.toFixed(3)} to ${high.toFixed(3)}`,
    ];
  };
  const best = new Map<string, Prediction>();
  for (const prediction of predictions) {
    const { mean } = meanOf(prediction.correlations);
    const other = best.get(prediction.method);
    if (other === undefined || meanOf(other.correlations).mean < mean) {
      best.set(prediction.method, prediction);
    }
  }
  const ours = best.get("tekfac")!;
  const differences = [...best.values()].map((other) => {
    const { mean, low, high } = meanOf(ours.correlations.map((x, q) => x - other.correlations[q]));
    return [other.method, mean.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`];
  });
  console.log(
    [
      `${halves} halves, ${trainings} trainings each, scores of ${models} models`,
      formatTable(["method", "tau", "correlation", "95 % over queries"], predictions.map(row)),
      formatTable(["TEKFAC, best tau, minus", "difference", "95 % over queries"], differences),
    ].join("\n\n"),
  );
}

if (import.meta.main) await run(main);
