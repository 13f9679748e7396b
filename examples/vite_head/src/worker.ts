/** Trains the head, so that the page has nothing to do but to listen to its visitor. */
import {
  adam,
  createBackend,
  glyphs,
  head,
  sequential,
  softmaxCrossEntropy,
  table,
} from "@tekfac/tekfac";
import { saveModel } from "@tekfac/tekfac/model";
import { fit } from "@tekfac/tekfac/training";
import { embeddings, FEATURES } from "./embeddings.ts";
import type { Message } from "./messages.ts";

const send = (message: Message) => (globalThis as unknown as Worker).postMessage(message);

async function main(): Promise<void> {
  const { train } = glyphs({ train: 1200, test: 1, seed: 1 });
  const inputs = embeddings(train.images);
  const data = table({ inputs, targets: train.labels, classes: 10, shape: [FEATURES] });

  // Several threads where the page is isolated, else one.
  const backend = await createBackend({ prefer: ["wasm"], threads: "auto" });
  send({ kind: "backend", description: backend.info.description });
  const layers = head({ classes: 10 });
  const model = sequential(backend, { input: [FEATURES], layers, seed: 1 });
  const { seconds } = await fit(model, softmaxCrossEntropy(), data, {
    optimizer: (goal, shared) => adam(goal, { ...shared, learningRate: 3e-3 }),
    epochs: 30,
    batchSize: 50,
    seed: 1,
    validationShare: 0.25,
    earlyStopping: { patience: 5, monitor: "accuracy" },
    observer: {
      onEpoch: ({ epoch, testAccuracy }) => {
        send({ kind: "epoch", epoch, accuracy: testAccuracy! });
      },
    },
  });
  const labels = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
  const file = await saveModel(model, { labels });
  send({ kind: "file", file: new Uint8Array(file), seconds });
  model[Symbol.dispose]();
  backend[Symbol.dispose]();
}

main().catch((error) => send({ kind: "failure", text: `${error}` }));
