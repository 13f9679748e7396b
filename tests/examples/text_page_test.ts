/** What the worker of the text page does, without a page. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { grammarText } from "@tekfac/tekfac/data";
import {
  type TextFigures,
  type TextSample,
  trainOnText,
} from "../../examples/browser/text_training.ts";

Deno.test("trainOnText() learns, and writes before the first step and ten times on the way", async () => {
  using backend = await createBackend({ prefer: ["wasm"] });
  const figures: TextFigures[] = [];
  const samples: TextSample[] = [];
  const text = grammarText({ characters: 5000 });
  await trainOnText(backend, text, 20, {
    figures: (now) => figures.push(now),
    sample: (sample) => samples.push(sample),
  });
  assert.deepEqual(figures.map(({ step }) => step), Array.from({ length: 20 }, (_, i) => i + 1));
  assert.deepEqual(samples.map(({ step }) => step), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
  assert(samples.every((sample) => sample.text.startsWith(text.slice(0, 12))));
  assert(samples.every((sample) => sample.text.length === 12 + 240));
  assert(samples.at(-1)!.heldOutLoss < samples[0].heldOutLoss);
  assert(figures.every(({ speed }) => speed > 0));
});
