/**
 * What a row of the zoo is: a problem that any contender can be put to, and a judge.
 *
 * @module
 */

import type { Contender } from "./contenders.ts";
import type { Lab } from "./lab.ts";
import type { Trace } from "./training.ts";

/** One contender's run on a row with one seed. */
export interface Measurement {
  /** What is compared, the lower the better; NaN where there is none. */
  readonly value: number;
  /** The runs behind it: one, or one for each unit or variant of the problem. */
  readonly traces: readonly Trace[];
}

/** All seeds of one contender. */
export interface Runs {
  /** Who. */
  readonly contender: Contender;
  /** One per seed. */
  readonly runs: readonly Measurement[];
}

/** The outcome of a row for one contender. */
export interface Verdict {
  /** `undefined` where it could not be judged, for lack of rivals. */
  readonly ok: boolean | undefined;
  /** Why, in a few words. */
  readonly reason: string;
  /** The contender's value over all seeds. */
  readonly value: number;
  /** The best rival's, and its name. */
  readonly rival?: { readonly name: string; readonly value: number };
}

/** When a row is run: always, unless `--short` is given, or only with `--all`. */
export type RowSize = "short" | "usual" | "extra";

/** Folders of data that rows may need. */
export type DataFolder = "uci" | "mnist10k" | "cifar10-small";

/** One row. */
export interface ZooRow {
  /** Unique: `"deep relu 20x16 lecun"`. */
  readonly name: string;
  /** When it is run. */
  readonly size: RowSize;
  /** Data that it cannot do without. */
  readonly needs?: DataFolder;
  /** Seeds unless `--seeds` says otherwise. */
  readonly seeds: number;
  /** What the value is: `"loss"`, `"test RMSE"`. */
  readonly quantity: string;
  /** Whom a contender is compared with. */
  readonly rivals: (options: Contender["options"]) => readonly Contender[];
  /** Trains a contender. */
  readonly measure: (lab: Lab, contender: Contender, seed: number) => Promise<Measurement>;
  /** Judges it beside its rivals, of which there may be none. */
  readonly judge: (own: Runs, rivals: readonly Runs[]) => Verdict;
}
