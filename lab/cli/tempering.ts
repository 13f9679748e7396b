/**
 * `deno run -A lab/cli/tempering.ts`: the constants of the closed form in which Laplace's approximation gives
 * probabilities (docs/MATH.md, 8.11), against means over draws.
 *
 * @module
 */

import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, readArguments, run } from "../../src/cli/mod.ts";
import { studyTempering, WAYS } from "../uncertainty/tempering.ts";
import { integer } from "./study_arguments.ts";

const options = {
  cases: integer(16, "cases for each number of classes (default: 480)"),
  draws: integer(2, "draws for each case (default: 1000)"),
  seed: integer(0, "decides all of them (default: 0)"),
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Draws outputs with covariances, and compares softmax(f / sqrt(1 + pi v / 8)) with the mean softmax,\n" +
  "v being a constant times the variance of outputs about their mean: divergence from the mean (nats),\n" +
  "confidence in excess of it, and the constant that diverges least.";

const CLASSES = [2, 3, 5, 10, 20, 50, 100];

function main(args: readonly string[]): Promise<void> {
  const given = readArguments("tempering", args, options);
  if (given.help) {
    console.log(helpText("tempering", purpose, options));
    return Promise.resolve();
  }
  const { cases = 480, draws = 1000, seed = 0 } = given;
  const found = CLASSES.map((classes) => studyTempering(classes, { cases, draws, seed }));
  const names = WAYS.map(([name]) => name);
  const head = [
    "K",
    ...names.map((name) => `${name}: KL`),
    ...names.map((name) => `${name}: sure`),
  ];
  const rows = found.map(({ classes, divergences, excess }) => [
    `${classes}`,
    ...[...divergences, ...excess].map((value) => value.toFixed(3)),
  ]);
  const best = found.map(({ classes, best }) => [
    `${classes}`,
    best.toFixed(4),
    (classes / (classes - 1) ** 2).toFixed(4),
  ]);
  console.log(formatTable(head, rows));
  console.log(`\n${formatTable(["K", "best constant", "K / (K - 1)^2"], best)}`);
  return Promise.resolve();
}

if (import.meta.main) await run(main);
