/**
 * A language model that learns from a text, and what it has to say on the way.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac";
import { grammarText, splitText } from "@tekfac/tekfac/data";
import { generate } from "@tekfac/tekfac/nn";
import { createTextJob, trainText } from "@tekfac/tekfac/training";

/** Sizes that a browser trains in a few minutes. */
const SIZES = { layers: 2, heads: 4, width: 64, context: 48 } as const;

/** Windows of the text in each step. */
const WINDOWS = 12;

/** Characters that the model writes each time. */
const WRITTEN = 240;

/** Where the model stands. */
export interface TextFigures {
  /** Steps taken. */
  readonly step: number;
  /** Loss of the step, nats per character. */
  readonly loss: number;
  /** Characters learned from per second. */
  readonly speed: number;
}

/** What the model writes, and how well it knows text that it has not seen. */
export interface TextSample {
  /** Steps taken before. */
  readonly step: number;
  /** Loss on the last tenth of the text, nats per character. */
  readonly heldOutLoss: number;
  /** The prompt and what follows it. */
  readonly text: string;
}

/** Whom the training talks to. */
export interface TextListener {
  /** Hears of every step. */
  figures(figures: TextFigures): void;
  /** Is given what the model writes, first of all before it has learned anything. */
  sample(sample: TextSample): void;
}

/**
 * Trains with Muon, as the library's recipe has it.
 *
 * @param text To learn from; one made by program where it is empty.
 * @param steps Of the whole training; ten times on the way the model writes.
 * @throws {DataError} When the text is too short.
 */
export async function trainOnText(
  backend: Backend,
  text: string,
  steps: number,
  listener: TextListener,
): Promise<void> {
  const data = splitText(text === "" ? grammarText() : text);
  const { vocabulary } = data;
  const seed = 1;
  using job = createTextJob(backend, {
    vocabulary: vocabulary.characters.length,
    steps,
    seed,
    ...SIZES,
  });
  const prompt = data.train.subarray(0, 12);
  const write = async (step: number, heldOutLoss: number): Promise<void> => {
    const options = { count: WRITTEN, temperature: 0.7, seed: step };
    const tokens = await generate(job.model, prompt, options);
    const text = vocabulary.decode(prompt) + vocabulary.decode(tokens);
    listener.sample({ step, heldOutLoss, text });
  };
  await write(0, Math.log(vocabulary.characters.length));
  await trainText({
    ...{ ...job, data, steps, seed, batchSize: WINDOWS, evaluationWindows: 64 },
    evaluateEvery: Math.max(1, Math.ceil(steps / 10)),
    observer: {
      onStep: ({ step, tokensPerSecond: speed, report: { loss } }) =>
        listener.figures({ step, loss, speed }),
      onEvaluation: ({ step, heldOutLoss }) => write(step, heldOutLoss),
    },
  });
}
