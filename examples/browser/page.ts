/**
 * The page: buttons on one side, the worker on the other, and the state they agree on.
 *
 * @module
 */

/// <reference lib="dom" />

import { SettingsForm } from "./controls.ts";
import { Drawing } from "./drawing.ts";
import type { Command, Event, SavedFacts } from "./protocol.ts";
import { View } from "./view.ts";

/** Where a training stands. */
type Phase =
  /** There is none; settings can be changed. */
  | "idle"
  /** The worker prepares one; `start` tells whether it shall run at once. */
  | "preparing"
  | "running"
  | "paused"
  | "finished";

const button = (id: string) => document.getElementById(id) as HTMLButtonElement;
const toggle = button("toggle"), reset = button("reset");
const save = button("save"), restore = button("restore");
const form = new SettingsForm(document.getElementById("settings") as HTMLFormElement);
const view = new View();
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

let phase: Phase = "idle";
/** Whether a training is started when it is prepared. */
let startWhenPrepared = false;
let saved: SavedFacts | undefined;

const send = (command: Command) => worker.postMessage(command);

const drawing = new Drawing((pixels) => {
  send({ kind: "explain", pixels });
  // A command ends the steps; they go on behind it.
  if (phase === "running") send({ kind: "start" });
});

/** Says something to everybody, those who listen included. */
function say(text: string): void {
  document.getElementById("status")!.textContent = text;
}

/** Says where it is computed. */
function sayWhere(text: string): void {
  document.getElementById("backend")!.textContent = text;
}

function enter(next: Phase): void {
  phase = next;
  toggle.textContent = phase === "running" ? "Pause" : phase === "paused" ? "Continue" : "Start";
  toggle.disabled = phase === "preparing" || phase === "finished";
  reset.disabled = phase === "idle" || phase === "preparing";
  save.disabled = reset.disabled;
  restore.disabled = saved === undefined || phase === "preparing" || phase === "running";
  form.enabled = phase === "idle";
  drawing.enabled = phase !== "idle" && phase !== "preparing";
  document.body.dataset.phase = phase;
}

toggle.addEventListener("click", () => {
  if (phase === "running") {
    send({ kind: "pause" });
    enter("paused");
    say("Paused.");
  } else if (phase === "paused") {
    run();
  } else if (form.complete()) {
    startWhenPrepared = true;
    prepare({ kind: "prepare", settings: form.read() }, "Drawing digits and making the network…");
  }
});

reset.addEventListener("click", () => {
  send({ kind: "pause" });
  enter("idle");
  say("Ready. Settings can be changed.");
});

save.addEventListener("click", () => {
  send({ kind: "save" });
  if (phase === "running") send({ kind: "start" });
});

restore.addEventListener("click", () => {
  startWhenPrepared = false;
  prepare({ kind: "restore" }, "Restoring…");
});

function prepare(command: Command, words: string): void {
  enter("preparing");
  say(words);
  sayWhere("");
  send(command);
}

function run(): void {
  send({ kind: "start" });
  enter("running");
  say("Training.");
}

worker.addEventListener("message", ({ data }: MessageEvent<Event>) => {
  switch (data.kind) {
    case "prepared": {
      const { settings, backend, histories } = data.training;
      form.write(settings);
      view.begin(data.training);
      sayWhere(backend);
      if (startWhenPrepared) return run();
      enter("paused");
      return say(`Restored at step ${histories[0].losses.length}.`);
    }
    case "progress":
      return view.add(data.progress);
    case "evaluated":
      return view.judge(data.evaluations);
    case "finished":
      if (phase === "idle") return; // the visitor has reset it in the meantime
      enter("finished");
      return say("Finished.");
    case "saved":
      saved = data.saved;
      enter(phase);
      return say(`Saved at step ${saved.step}; it can be restored when you come back.`);
    case "found":
      saved = data.saved;
      enter(phase);
      if (saved === undefined) return;
      return say(`A training saved ${ago(saved.time)} at step ${saved.step} can be restored.`);
    case "explained":
      return drawing.show(data.explanation);
    case "failed":
      enter("idle");
      return say(`That failed: ${data.message}.`);
  }
});

worker.addEventListener("error", (event) => say(`The worker failed: ${event.message}`));

function ago(time: number): string {
  const format = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
  return `on ${format.format(time)}`;
}

enter("idle");
send({ kind: "look" });
