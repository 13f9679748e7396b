/**
 * `deno task chaos`: everything that may go wrong, at random, for as long as asked.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { formatTable } from "@tekfac/tekfac/pages";
import { helpText, readArguments, run } from "../../src/cli/mod.ts";
import { Tally } from "./storm.ts";
import { storms } from "./storms.ts";

const options = {
  minutes: {
    kind: "integer",
    range: { min: 0, max: 1_000_000 },
    help: "how long; 0 for ever, until it is interrupted (default: 1)",
  },
  seed: {
    kind: "integer",
    range: { min: 0, max: 2 ** 32 - 1 },
    help: "decides all that is random (default: drawn, and printed)",
  },
  only: {
    kind: "choices",
    choices: storms.map(({ name }) => name),
    help: "which kinds (default: all that this machine can have)",
  },
  rounds: {
    kind: "integer",
    range: { min: 1, max: 1_000_000 },
    help: "rounds of each kind instead of minutes; with 1, and --only, --seed repeats a round",
  },
  help: { kind: "flag", help: "this text" },
} as const;

const purpose =
  "Trains, saves and loads while verbs throw, batches are spoilt, processes are killed, workers die, files\n" +
  "are damaged, disks are full and devices are lost, and compares with what comes out undisturbed. The exit\n" +
  "code is 1 when a promise of docs/RELIABILITY.md was broken.";

/** Milliseconds between two tables. */
const TABLE_EVERY = 60_000;

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("chaos", args, options);
  if (given.help) return console.log(helpText("chaos", purpose, options));
  const seed = given.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const { minutes = 1, rounds = Infinity } = given;
  console.log(`seed ${seed}`);
  const tallies: Tally[] = [];
  for (const storm of storms.filter(({ name }) => given.only?.includes(name as never) ?? true)) {
    const missing = await storm.missing?.();
    if (missing === undefined) tallies.push(new Tally(storm));
    else console.log(`no ${storm.name}: ${missing}`);
  }

  const start = performance.now();
  const end = minutes === 0 || rounds < Infinity ? Infinity : start + 60_000 * minutes;
  const random = new Random(seed);
  let table = start + TABLE_EVERY, stopped = false;
  Deno.addSignalListener("SIGINT", () => stopped = true);
  while (!stopped && performance.now() < end) {
    const next = tallies.filter((tally) => tally.rounds < rounds)
      .toSorted((a, b) => a.milliseconds / a.storm.weight - b.milliseconds / b.storm.weight)[0];
    if (next === undefined) break;
    // A single round is repeated from the seed that was printed for it.
    const own = rounds === 1 ? seed : random.bits();
    const broken = next.broken.length;
    await next.round(own);
    for (const { error } of next.broken.slice(broken)) {
      console.error(`BROKEN: --only ${next.storm.name} --rounds 1 --seed ${own}`, error);
    }
    if (performance.now() < table) continue;
    console.log(tableOf(tallies, performance.now() - start));
    table = performance.now() + TABLE_EVERY;
  }
  console.log(tableOf(tallies, performance.now() - start));
  Deno.exit(tallies.some(({ broken }) => broken.length > 0) ? 1 : 0);
}

function tableOf(tallies: readonly Tally[], milliseconds: number): string {
  const rows = tallies.map(({ storm, rounds, counts, broken }) => [
    storm.name,
    `${rounds}`,
    [...counts].map(([what, n]) => `${n} ${what}`).join(", "),
    `${broken.length}`,
  ]);
  return `after ${(milliseconds / 60_000).toFixed(1)} minutes\n` +
    formatTable(["kind", "rounds", "what happened", "promises broken"], rows);
}

if (import.meta.main) await run(main);
