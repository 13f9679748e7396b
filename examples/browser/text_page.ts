/**
 * The text page: a button, a few figures, and what the model writes as it learns.
 *
 * @module
 */

/// <reference lib="dom" />

import type { TextCommand, TextEvent } from "./text_worker.ts";

/** Steps of a training. */
const STEPS = 1000;

const element = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const toggle = element<HTMLButtonElement>("toggle");
const source = element<HTMLTextAreaElement>("text");
const progress = element<HTMLProgressElement>("progress");

/** The training that is going on; ended with its worker. */
let worker: Worker | undefined;

function say(id: string, text: string): void {
  element(id).textContent = text;
}

function enter(running: boolean): void {
  toggle.textContent = running ? "Stop" : "Start";
  source.disabled = running;
  document.body.dataset.phase = running ? "running" : "idle";
}

function end(words: string): void {
  worker?.terminate();
  worker = undefined;
  enter(false);
  say("status", words);
}

toggle.addEventListener("click", () => {
  if (worker !== undefined) return end("Stopped.");
  worker = new Worker(new URL("./text_worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<TextEvent>) => hear(data));
  worker.addEventListener("error", ({ message }) => end(`The worker failed: ${message}`));
  element("samples").replaceChildren();
  const command: TextCommand = { text: source.value, steps: STEPS };
  worker.postMessage(command);
  enter(true);
  say("status", "Training.");
});

function hear(event: TextEvent): void {
  switch (event.kind) {
    case "backend":
      return say("backend", event.words);
    case "figures": {
      const { step, loss, speed } = event.figures;
      progress.value = step / STEPS;
      say("step", `${step} of ${STEPS}`);
      say("loss", loss.toFixed(3));
      return say("speed", Math.round(speed).toLocaleString("en"));
    }
    case "sample": {
      const { step, heldOutLoss, text } = event.sample;
      const item = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = step === 0
        ? "Before it has learned anything"
        : `After ${step} steps, ${heldOutLoss.toFixed(2)} nats per character on text held back`;
      const words = document.createElement("pre");
      words.textContent = text;
      item.append(caption, words);
      return element("samples").prepend(item);
    }
    case "finished":
      return end("Finished.");
    case "failed":
      return end(`That failed: ${event.message}.`);
  }
}

enter(false);
