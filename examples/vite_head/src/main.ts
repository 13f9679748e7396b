/** The page: starts the worker, and predicts with what it has trained. */
/// <reference lib="dom" />
import { glyphs } from "@tekfac/tekfac/data";
import { loadPredictor } from "@tekfac/tekfac/predict";
import { embeddings } from "./embeddings.ts";
import type { Message } from "./messages.ts";

const element = (id: string) => document.getElementById(id)!;

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
worker.onerror = ({ message }) => element("status").textContent = `That failed: ${message}`;
worker.onmessage = async ({ data }: MessageEvent<Message>) => {
  if (data.kind === "failure") element("status").textContent = `That failed: ${data.text}`;
  if (data.kind === "backend") element("backend").textContent = data.description;
  if (data.kind === "epoch") {
    element("status").textContent = "Learning …";
    const item = document.createElement("li");
    item.textContent = `${(100 * data.accuracy).toFixed(0)} % right`;
    element("epochs").append(item);
  }
  if (data.kind === "file") {
    await show(data.file);
    element("status").textContent = `Learned in ${data.seconds.toFixed(2)} s of training.`;
  }
};

/** Digits that nobody has seen, and what the head takes them for. */
async function show(file: Uint8Array<ArrayBuffer>): Promise<void> {
  const predictor = await loadPredictor(file);
  const { test } = glyphs({ train: 1, test: 12, seed: 9 });
  for (
    const [n, { label, probabilities, index }] of predictor.predict(embeddings(test.images))
      .entries()
  ) {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 28;
    const image = new ImageData(28, 28);
    const pixels = test.images.subarray(784 * n, 784 * (n + 1));
    image.data.forEach((_, i) => image.data[i] = i % 4 === 3 ? 255 : 255 - 255 * pixels[i >> 2]);
    canvas.getContext("2d")!.putImageData(image, 0, 0);
    const caption = document.createElement("figcaption");
    caption.textContent = `${label}, ${(100 * probabilities![index!]).toFixed(0)} %`;
    caption.dataset["right"] = `${index === test.labels[n]}`;
    figure.append(canvas, caption);
    element("seen").append(figure);
  }
  const link = element("file") as HTMLAnchorElement;
  link.href = URL.createObjectURL(new Blob([file]));
  link.hidden = false;
}
