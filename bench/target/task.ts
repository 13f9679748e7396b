/**
 * What a task is: a network, data to learn from, and a number to be judged by.
 *
 * @module
 */

import type { BatchLike, LayerSpec, Loss, ModelObjective } from "@tekfac/tekfac";
import type { ExampleShape } from "@tekfac/tekfac/nn";
import type { Lab } from "../zoo/lab.ts";
import type { DataFolder } from "../zoo/row.ts";

/** A task whose data have been read. */
export interface Problem {
  /** Shape of one example. */
  readonly input: ExampleShape;
  /** The loss. */
  readonly loss: Loss;
  /** Number of examples to learn from. */
  readonly examples: number;
  /** Batches of an epoch, which is counted from 0. */
  readonly batches: (size: number, seed: number, epoch: number) => Iterable<BatchLike>;
  /** The number that settings are chosen by, on a part of the examples to learn from; the lower the better. */
  readonly validation: (goal: ModelObjective) => number;
  /** The same number on examples that nothing is chosen by: it is judged by. */
  readonly heldOut: (goal: ModelObjective) => number;
}

/** One task. */
export interface TargetTask {
  /** As the table names it. */
  readonly name: string;
  /** Data that it needs. */
  readonly needs: DataFolder;
  /** What is judged: `"error"`. */
  readonly metric: string;
  /** Epochs of AdamW's runs. */
  readonly epochs: number;
  /**
   * Examples of a step of TEKFAC's runs; AdamW has the better of 32 and 128. 128 in every task: a step of TEKFAC's costs
   * more and needs no noise.
   */
  readonly batch: number;
  /** The network. */
  readonly layers: () => readonly LayerSpec[];
  /** Reads the data. */
  readonly open: (lab: Lab) => Promise<Problem>;
}
