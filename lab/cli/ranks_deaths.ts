/**
 * `deno run -A lab/cli/ranks_deaths.ts [--rounds 50]`: kills a random rank of a training at a random moment, again and
 * again, and goes on with another number of ranks.
 *
 * Every run must end by itself within ten seconds of the death, and what went on from a checkpoint must learn what an
 * undisturbed run has learned, to rounding.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Random } from "@tekfac/tekfac/core";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    launcher: { type: "string", default: "mpirun --oversubscribe" },
  },
});
const TRAIN = new URL("../../src/cli/train.ts", import.meta.url).href;
const EPOCHS = 10;
const random = new Random(Number(values.seed));
const directory = await Deno.makeTempDir();
const saved = `${directory}/saved.safetensors`;
const env = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1", NO_COLOR: "1" };
const args = [
  ...["run", "-A", "--no-check", "--no-lock", TRAIN, "--model", "mlp", "--limit", "600"],
  ...["--batch", "60", "--group", "mpi", "--report", `${directory}/page.html`],
];

/** Begins a training of so many ranks. */
function start(ranks: number, more: readonly string[]): Deno.ChildProcess {
  const [command, ...options] = values.launcher.split(" ");
  return new Deno.Command(command, {
    args: [...options, "-n", `${ranks}`, Deno.execPath(), ...args, ...more],
    ...{ env, stdin: "null", stdout: "piped", stderr: "null" },
  }).spawn();
}

/** Loss on test data of a training that nobody disturbs. */
async function lossOf(ranks: number, more: readonly string[]): Promise<number> {
  const { code, stdout } = await start(ranks, ["--json", ...more]).output();
  if (code !== 0) throw new Error(`a run that nobody disturbed ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!).testLoss;
}

/** Reads what a training says until it tells its processes. */
async function processesIn(stdout: ReadableStream<Uint8Array>): Promise<number[]> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stdout) {
    text += decoder.decode(bytes, { stream: true });
    const list = /processes of the ranks: (.*)\n/.exec(text)?.[1];
    if (list !== undefined) return list.split(", ").map((one) => Number(one.split(": ")[1]));
  }
  throw new Error(`a training ended before it began:\n${text}`);
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

try {
  const epochs = ["--epochs", `${EPOCHS}`];
  const began = performance.now();
  const undisturbed = await lossOf(2, epochs);
  const whole = performance.now() - began;
  let [slowest, resumed, worst] = [0, 0, 0];
  for (let round = 0; round < Number(values.rounds); round++) {
    await Deno.remove(saved).catch(() => {});
    const ranks = 2 + random.integer(3);
    const training = start(ranks, [...epochs, "--save", saved]);
    const processes = await processesIn(training.stdout);
    await wait(random.uniform(0, whole / 2));
    const victim = random.integer(ranks);
    let killed = performance.now();
    try {
      Deno.kill(processes[victim], "SIGKILL");
    } catch {
      killed = NaN; // It had ended by then.
    }
    const { code } = await training.status;
    const seconds = (performance.now() - killed) / 1000;
    if (seconds > 10) throw new Error(`round ${round}: ${seconds} s from a death to the end`);
    const hasSaved = await Deno.stat(saved).then(() => true, () => false);
    const others = 1 + random.integer(4);
    const loss = await lossOf(others, [...epochs, ...hasSaved ? ["--load", saved] : []]);
    const error = Math.abs(loss / undisturbed - 1);
    if (error > 1e-2) throw new Error(`round ${round}: a loss of ${loss} and not ${undisturbed}`);
    if (Number.isFinite(seconds)) slowest = Math.max(slowest, seconds);
    if (hasSaved) resumed++;
    worst = Math.max(worst, error);
    console.log(
      `round ${round}: rank ${victim} of ${ranks} killed, ended with ${code} after ${
        seconds.toFixed(1)
      } s, ` +
        `${hasSaved ? "went on" : "began again"} with ${others}, loss within ${
          error.toExponential(1)
        }`,
    );
  }
  console.log(
    `${values.rounds} deaths, no hang (at most ${
      slowest.toFixed(1)
    } s), ${resumed} went on from a checkpoint; ` + `losses within ${worst.toExponential(1)}`,
  );
} finally {
  await Deno.remove(directory, { recursive: true });
}
