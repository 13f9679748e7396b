/**
 * The worker of the text page: trains, and tells the page.
 *
 * @module
 */

/// <reference lib="dom" />

import { openBackend } from "./backend.ts";
import { type TextFigures, type TextSample, trainOnText } from "./text_training.ts";

/** From the page: learn from this text, or from one made by program where it is empty. */
export interface TextCommand {
  readonly text: string;
  readonly steps: number;
}

/** To the page. */
export type TextEvent =
  | { readonly kind: "backend"; readonly words: string }
  | { readonly kind: "figures"; readonly figures: TextFigures }
  | { readonly kind: "sample"; readonly sample: TextSample }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly message: string };

/** Milliseconds between two messages about steps. */
const MESSAGE_EVERY = 100;

/** What a worker has that a page has not. */
interface WorkerScope {
  postMessage(event: TextEvent): void;
  onmessage: (message: MessageEvent<TextCommand>) => void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data: { text, steps } }) => {
  try {
    const { backend, words } = await openBackend("auto");
    scope.postMessage({ kind: "backend", words });
    let told = 0;
    await trainOnText(backend, text, steps, {
      figures(figures) {
        const now = performance.now();
        if (now - told < MESSAGE_EVERY && figures.step < steps) return;
        told = now;
        scope.postMessage({ kind: "figures", figures });
      },
      sample: (sample) => scope.postMessage({ kind: "sample", sample }),
    });
    backend[Symbol.dispose]();
    scope.postMessage({ kind: "finished" });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    scope.postMessage({ kind: "failed", message });
  }
};
