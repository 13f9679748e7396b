/**
 * The standard studies, one comparison each: `deno task studies --help`.
 *
 * What they write into their run directories is all that `deno task evidence` needs. They can be stopped
 * at any time and go on when they are started again.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { ModelName } from "@tekfac/tekfac/training";

/** A model and what it is trained on. */
export interface Task {
  /** Heads the section, and names the run directories: `"autoencoder"`. */
  readonly name: string;
  /** What is trained. */
  readonly model: ModelName;
  /** Channels of its first stage. @default {the model's recipe} */
  readonly width?: number;
  /** Passes over the training images. */
  readonly epochs: number;
}

/** What is trained: another task is another row. */
export const tasks: readonly Task[] = [
  { name: "autoencoder", model: "autoencoder", epochs: 10 },
  { name: "mlp", model: "mlp", epochs: 10 },
  { name: "cnn", model: "cnn", epochs: 10 },
  { name: "resnet20", model: "resnet20", width: 4, epochs: 4 },
];

/** Images that tasks are trained on. */
export interface Images {
  /** Names the run directories: `"drawn"`. */
  readonly name: string;
  /** What they are, for the document. */
  readonly title: string;
  /** Whether they are files that have to be given with `--data`. */
  readonly files: boolean;
}

/** What tasks are trained on. */
export const images: readonly Images[] = [
  {
    name: "t10k",
    title:
      "MNIST's 10,000 test images (t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte), of which " +
      "8,000 are learned from and 2,000 held back by a fixed permutation",
    files: true,
  },
  { name: "drawn", title: "the built-in drawn digits", files: false },
];

/** A comparison with a directory of its own. */
export interface Study {
  /** Name of the directory: `"autoencoder-t10k"`. */
  readonly name: string;
  /** What is trained. */
  readonly task: Task;
  /** On what. */
  readonly images: Images;
}

/** All studies, in the order of the document. */
export const studies: readonly Study[] = tasks.flatMap((task) =>
  images.map((choice) => ({ name: `${task.name}-${choice.name}`, task, images: choice }))
);

/** How studies are made. */
export interface StudyOptions {
  /** Directory of the run directories. */
  readonly runs: string;
  /** Directory of the image files; studies that need them are left out without it. */
  readonly data?: string;
  /** Trials of every optimizer. */
  readonly search: number;
  /** Runs of every optimizer. */
  readonly seeds: number;
}

/** The arguments of the comparison behind a study. */
export function argumentsOf(
  { name, task, images }: Study,
  { runs, data, search, seeds }: StudyOptions,
): string[] {
  return [
    ...["--model", task.model, ...(task.width === undefined ? [] : ["--width", `${task.width}`])],
    ...["--epochs", `${task.epochs}`, "--seeds", `${seeds}`],
    ...["--search", `${search}`, "--equal-time", "--run", `${runs}/${name}`],
    ...(images.files && data !== undefined ? ["--data", data] : []),
  ];
}

/** What came of a study's process: all done, stopped by its time, or an error. */
export type StudyOutcome = "complete" | "stopped" | "failed";

/**
 * Makes studies one after the other. Each gets an equal share of the time that is left, and what one does
 * not use goes to the others; after the last one the first goes on, until all are done or time is up. One
 * that fails is not tried again.
 *
 * @param chosen The studies.
 * @param minutes Time for all of them.
 * @param make Makes a study for so many minutes.
 * @param now The clock, in milliseconds.
 * @returns What came of each.
 */
export async function makeStudies(
  chosen: readonly Study[],
  minutes: number,
  make: (study: Study, minutes: number) => Promise<StudyOutcome>,
  now: () => number = () => performance.now(),
): Promise<ReadonlyMap<Study, StudyOutcome>> {
  const outcomes = new Map<Study, StudyOutcome>(chosen.map((study) => [study, "stopped"]));
  const end = now() + 60_000 * minutes;
  for (let open = [...chosen]; open.length > 0;) {
    for (const [index, study] of open.entries()) {
      const left = (end - now()) / 60_000;
      if (left < 1) return outcomes;
      const share = Math.max(1, Math.floor(left / (open.length - index)));
      outcomes.set(study, await make(study, Math.min(share, Math.floor(left))));
    }
    open = open.filter((study) => outcomes.get(study) === "stopped");
  }
  return outcomes;
}

/** Runs the comparison of a study in a process of its own, whose memory ends with it. */
async function compare(
  study: Study,
  minutes: number,
  options: StudyOptions,
): Promise<StudyOutcome> {
  const limit = Number.isFinite(minutes) ? ["--minutes", `${minutes}`] : [];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", new URL("../lab/cli/compare.ts", import.meta.url).pathname],
      ...[...argumentsOf(study, options), ...limit],
    ],
    stdout: "null",
  }).spawn().status;
  if (!success) return "failed";
  const summary = await Deno.readTextFile(`${options.runs}/${study.name}/compare.json`)
    .catch(() => "{}");
  return JSON.parse(summary).complete === true ? "complete" : "stopped";
}

const HELP = `Usage: deno task studies [options]

Makes the standard studies, which can be stopped at any time and go on when they are started again.

Options:
  --hours H     time for all of them together, shared equally (default: until all are done)
  --data DIR    directory with MNIST's t10k files (default: studies of them are left out)
  --runs DIR    where their directories are (default: runs)
  --only A,B    names of studies (default: all; ${studies.map(({ name }) => name).join(", ")})
  --search N    trials of every optimizer (default: 20)
  --seeds N     runs of every optimizer (default: 5)
  --help        this text`;

/** Ends the program with one sentence about a mistake. */
function refuse(sentence: string): never {
  console.error(`Cannot run 'studies': ${sentence}`);
  return Deno.exit(2);
}

function readOptions(): StudyOptions & { minutes: number; chosen: readonly Study[] } {
  const text = { type: "string" } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args: Deno.args,
      options: {
        ...{ hours: text, data: text, runs: text, only: text, search: text, seeds: text },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    return refuse((error as Error).message.split("\n")[0]);
  }
  if (values.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const { data, runs = "runs", only } = values;
  const count = (name: "search" | "seeds", preset: number): number => {
    const value = Number(values[name] ?? preset);
    if (Number.isInteger(value) && value >= 1) return value;
    return refuse(`'--${name}' must be an integer >= 1: received '${values[name]}'`);
  };
  const hours = Number(values.hours ?? Infinity);
  if (!(hours >= 1 / 60)) {
    refuse(`'--hours' must be at least 0.02, a minute: received '${values.hours}'`);
  }
  const names = only?.split(",") ?? studies.map(({ name }) => name);
  for (const name of names) {
    if (studies.some((study) => study.name === name)) continue;
    const known = studies.map((study) => study.name).join(", ");
    refuse(`'--only' must name studies (known: ${known}): received '${name}'`);
  }
  const chosen = studies.filter(({ name, images }) =>
    names.includes(name) && (!images.files || data !== undefined)
  );
  return {
    ...{ runs, search: count("search", 20), seeds: count("seeds", 5) },
    ...{ minutes: 60 * hours, chosen },
    ...(data === undefined ? {} : { data }),
  };
}

if (import.meta.main) {
  const options = readOptions();
  await Deno.mkdir(options.runs, { recursive: true });
  const outcomes = await makeStudies(options.chosen, options.minutes, (study, minutes) => {
    console.error(`\n${study.name}`);
    return compare(study, minutes, options);
  });
  for (const [{ name }, outcome] of outcomes) console.log(`${outcome.padEnd(8)}  ${name}`);
  Deno.exit([...outcomes.values()].includes("failed") ? 1 : 0);
}
