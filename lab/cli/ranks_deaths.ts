/**
 * `deno run -A lab/cli/ranks_deaths.ts [--deaths 50]`: kills a random rank of a training at a random moment, again and
 * again, and goes on with another number of ranks.
 *
 * Every run must end by itself within ten seconds of the death and say which rank has died, and what goes on from a
 * checkpoint must have the losses of an undisturbed run in every epoch, to rounding. A run that is over before its
 * rank could be killed does not count.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Random } from "@tekfac/tekfac/core";

const { values } = parseArgs({
  options: {
    deaths: { type: "string", default: "50" },
    epochs: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    launcher: { type: "string", default: "mpirun --oversubscribe" },
  },
});
const TRAIN = new URL("../../src/cli/train.ts", import.meta.url).href;
/** Most ranks of a run. */
const MOST = 4;
/** Relative difference of losses that are equal to rounding, which trainings in float32 multiply. */
const ROUNDING = 1e-3;
/** As docs/DISTRIBUTED.md has it: MPICH names a process at best, Open MPI the rank. */
const SHELL = /mpich|hydra/.test(values.launcher)
  ? [
    ...["sh", "-c"],
    '"$@" || { code=$?; echo "rank $PMI_RANK ended with $code" >&2; exit $code; }',
    "sh",
  ]
  : [];

const random = new Random(Number(values.seed));
const directory = await Deno.makeTempDir();
const saved = `${directory}/saved.safetensors`;
const env = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1", NO_COLOR: "1" };
const args = [
  ...["run", "-A", "--no-check", "--no-lock", TRAIN, "--model", "mlp", "--limit", "600"],
  ...["--batch", "60", "--group", "mpi", "--report", `${directory}/page.html`],
  ...["--epochs", values.epochs],
];

/** A training of so many ranks, and what it says. */
class Run {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<unknown>;
  #text = "";

  constructor(ranks: number, more: readonly string[]) {
    const [command, ...options] = values.launcher.split(" ");
    this.#child = new Deno.Command(command, {
      args: [...options, "-n", `${ranks}`, ...SHELL, Deno.execPath(), ...args, ...more],
      ...{ env, stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const { stdout, stderr } = this.#child;
    this.#ended = Promise.all([this.#read(stdout), this.#read(stderr)]);
  }

  /** Waits until it ends; its code, and all that it has said. */
  async end(): Promise<{ code: number; text: string }> {
    const { code } = await this.#child.status;
    await this.#ended;
    return { code, text: this.#text };
  }

  /** Waits until it trains; its processes, by rank. */
  async processes(): Promise<readonly number[]> {
    for (;;) {
      const list = /processes of the ranks: (.*)\n/.exec(this.#text)?.[1];
      if (list !== undefined) return list.split(", ").map((one) => Number(one.split(": ")[1]));
      await Promise.race([wait(20), this.#ended.then(() => this.#mustHaveBegun())]);
    }
  }

  #mustHaveBegun(): void {
    if (this.#text.includes("processes of the ranks")) return;
    throw new Error(`a training ended before it began:\n${this.#text}`);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.#text += decoder.decode(bytes, { stream: true });
  }
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Test losses of a training that nobody disturbs, epoch by epoch. */
async function lossesOf(ranks: number, more: readonly string[]): Promise<readonly number[]> {
  const { code, text } = await new Run(ranks, ["--json", ...more]).end();
  if (code !== 0) throw new Error(`a run that nobody disturbed ended with ${code}:\n${text}`);
  return JSON.parse(text.split("\n").find((line) => line.startsWith("{"))!).testLosses;
}

/** Whether a run's last words name a rank: the launcher's, the shell's, its own or the others'. */
function names(text: string, rank: number): boolean {
  return new RegExp(`rank ${rank}\\b|,${rank}\\]`, "i").test(text.replace(/.*processes of.*/, ""));
}

/** Kills a rank at some moment; nothing where the run was over by then. */
async function death(training: Run, victim: number, latest: number): Promise<number | undefined> {
  const processes = await training.processes();
  // Where less else runs than when it was timed, it may be over earlier.
  await Promise.race([wait(random.uniform(0, latest)), training.end()]);
  try {
    Deno.kill(processes[victim], "SIGKILL");
  } catch {
    return void await training.end();
  }
  const killed = performance.now();
  const { code, text } = await training.end();
  // What it had to say was said.
  if (code === 0) return undefined;
  const seconds = (performance.now() - killed) / 1000;
  if (seconds > 10) throw new Error(`${seconds} s from a death to the end`);
  if (!names(text, victim)) throw new Error(`nobody names rank ${victim}:\n${text}`);
  return seconds;
}

try {
  const undisturbed = await lossesOf(2, []);
  const timed = new Run(MOST, []);
  await timed.processes();
  const began = performance.now();
  await timed.end();
  const whole = performance.now() - began;

  const [times, errors]: [number[], number[]] = [[], []];
  let [resumed, over] = [0, 0];
  while (times.length < Number(values.deaths)) {
    await Deno.remove(saved).catch(() => {});
    const ranks = 2 + random.integer(MOST - 1);
    const victim = random.integer(ranks);
    const seconds = await death(new Run(ranks, ["--save", saved]), victim, whole);
    if (seconds === undefined) {
      over++;
      continue;
    }
    times.push(seconds);
    const hasSaved = await Deno.stat(saved).then(() => true, () => false);
    if (hasSaved) resumed++;
    const others = 1 + (ranks + random.integer(MOST - 1)) % MOST;
    const losses = await lossesOf(others, hasSaved ? ["--load", saved] : []);
    const expected = undisturbed.slice(undisturbed.length - losses.length);
    const error = Math.max(0, ...losses.map((loss, i) => Math.abs(loss / expected[i] - 1)));
    if (!(error < ROUNDING)) throw new Error(`losses of ${losses} instead of ${expected}`);
    errors.push(error);
    console.log(
      `death ${times.length}: rank ${victim} of ${ranks}, all ended after ${
        seconds.toFixed(1)
      } s; ` +
        `${hasSaved ? "went on" : "began again"} with ${others} for ${losses.length} epochs, ` +
        `losses within ${error.toExponential(1)}`,
    );
  }
  times.sort((a, b) => a - b);
  console.log(
    `${times.length} deaths (${over} runs were over before), all named, no hang: ended after ` +
      `${times[times.length >> 1].toFixed(1)} s in the middle, ${
        times.at(-1)!.toFixed(1)
      } s at most; ` +
      `${resumed} went on from a checkpoint, all with another number of ranks; losses within ` +
      `${Math.max(...errors).toExponential(1)}`,
  );
} finally {
  await Deno.remove(directory, { recursive: true });
}
