/**
 * `deno task explain`: trains or loads a classifier of images and shows which images taught it what, which labels look
 * wrong, and how sure it is.
 *
 * @module
 */

import { OptionError } from "../core/errors.ts";
import { batchCount } from "../data/batches.ts";
import { examplesIn } from "../data/dataset.ts";
import { loadWeights } from "../optim/checkpoint.ts";
import { createJob } from "../training/job.ts";
import { describeModel, modelNames, recipes } from "../training/recipes.ts";
import { train } from "../training/mod.ts";
import { helpText, readArguments } from "./arguments.ts";
import { chartLibrary } from "./chart_library.ts";
import { findingsOf } from "./explain_findings.ts";
import { explainPage } from "./explain_page.ts";
import { readWhole, writeWhole } from "./files.ts";
import { loadData } from "./load_data.ts";
import { readNotes } from "./notes.ts";
import { openBackend } from "./open_backend.ts";
import { sharedOptions } from "./options.ts";
import { checkOutputs } from "./own_files.ts";
import { sourceName } from "./page_title.ts";
import { progressBar } from "./progress_bar.ts";
import { run } from "./run.ts";
import { canShowProgress, TerminalBar } from "./terminal_bar.ts";

const { model, width, data, limit, epochs, batch, seed, backend, help } = sharedOptions;

const models = modelNames.filter((name) => name !== "autoencoder");

const options = {
  model: { ...model, choices: models, help: "what is trained (default: mlp)" },
  ...{ width, data, limit, epochs, batch, seed, backend },
  load: {
    kind: "text",
    placeholder: "FILE",
    help: "a model that 'deno task train --save FILE' has trained, with its own settings",
  },
  images: {
    kind: "text",
    placeholder: "N,N,...",
    help: "numbers of the test images that are explained (default: those with the largest losses)",
  },
  report: { ...sharedOptions.report, help: "where the page is written (default: explain.html)" },
  help,
} as const;

const purpose =
  "Trains a model on images, or loads one, and writes a page (explain.html): the training images that\n" +
  "helped and harmed most for chosen test images, labels that look wrong, images of which it is least\n" +
  "sure, whether its confidence keeps its word, and the spectra of its curvature.";

const SUBJECT = "Cannot run 'explain'";

async function main(args: readonly string[]): Promise<void> {
  const given = readArguments("explain", args, options);
  if (given.help) return console.log(helpText("explain", purpose, options));
  const { report = "explain.html" } = given;
  await checkOutputs(SUBJECT, { report, load: given.load });
  const load = given.load === undefined ? undefined : await readWhole(given.load);
  const notes = load === undefined ? undefined : readNotes(load, given.load ?? "");
  const name = given.model ?? notes?.model ?? "mlp";
  if (name === "autoencoder") {
    throw new OptionError(SUBJECT, "--load", "must be of a classifier", name);
  }
  const images = await loadData(SUBJECT, {
    data: given.data ?? notes?.data,
    labels: notes?.labels,
    limit: given.limit ?? notes?.limit,
    augment: "none",
  });
  const chosen = chosenImages(given.images, examplesIn(images.test));
  const size = given.batch ?? recipes[name].batchSize;
  const passes = load === undefined ? given.epochs ?? recipes[name].epochs : 0;
  const seeded = given.seed ?? notes?.seed ?? 0;
  const on = await openBackend(given.backend ?? "auto");
  try {
    const steps = Math.max(1, passes * batchCount(images.train, size));
    const job = createJob(on, {
      ...{ model: name, optimizer: "tekfac", dataset: images.train, steps, seed: seeded },
      width: given.width ?? (name === notes?.model ? notes.width : undefined),
    });
    const watched = canShowProgress();
    try {
      if (load !== undefined) loadWeights(job.objective, load);
      const bar = watched && passes > 0 ? progressBar("tekfac", passes) : undefined;
      const record = await train({
        ...{ ...job, data: images, epochs: passes, batchSize: size, seed: seeded },
        observer: {
          onStep: (progress) => bar?.onStep(progress),
          onEpoch: (epoch) => bar?.onEpoch(epoch),
          onNote: (note) => console.error(note),
        },
      }).finally(() => bar?.[Symbol.dispose]());
      const line = watched ? new TerminalBar("{what} {bar} {percentage} %", 1) : undefined;
      const findings = await findingsOf(job.objective, images, chosen, (what, share) => {
        line?.show(Math.round(100 * share), 100, 0, { what });
      }).finally(() => line?.[Symbol.dispose]());
      const settings: [string, string][] = [
        ["model", describeModel(name, given.width ?? notes?.width)],
        ["data", images.train.source],
        ["training images", examplesIn(images.train).toLocaleString("en-US")],
        ["test images", examplesIn(images.test).toLocaleString("en-US")],
        ["epochs", `${notes?.epochsDone ?? passes}`],
        ["seed", `${seeded}`],
        ["backend", on.info.description],
      ];
      const title = `What was learned from ${sourceName(images.train.source)}`;
      const testAccuracy = record.testAccuracy!;
      const run = { title, settings, testAccuracy, data: images };
      await writeWhole(report, explainPage(run, findings, chartLibrary));
      const [plain, sure] = findings.reliability.map(({ loss }) => loss.toFixed(4));
      console.log(
        `test accuracy  ${(100 * testAccuracy).toFixed(2)} %\n` +
          `test loss      ${plain}, with Laplace's approximation ${sure}\npage           ${report}`,
      );
    } finally {
      job[Symbol.dispose]();
    }
  } finally {
    on[Symbol.dispose]();
  }
}

/** Numbers of test images, counted from 0. */
function chosenImages(text: string | undefined, count: number): number[] | undefined {
  return text?.split(",").map((word) => {
    const number = Number(word);
    if (word.trim() !== "" && Number.isInteger(number) && number >= 0 && number < count) {
      return number;
    }
    const expectation = `must be numbers of test images from 0 to ${
      count - 1
    }, with commas between`;
    throw new OptionError(SUBJECT, "--images", expectation, text);
  });
}

if (import.meta.main) await run(main);
