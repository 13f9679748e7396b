/**
 * What is to be checked in the calls of a verb, worked out once from its row of the kernel table.
 *
 * @module
 */

import { operandsOf } from "../calls.ts";
import { KERNEL_TABLE, type Operand } from "../kernel_table.ts";
import { type Factor, letterOf, type SymbolicShape } from "../symbolic_shape.ts";
import type { Verbs } from "../verbs.ts";

/** Reads a part of a call, such as `"options.weights"`. */
export type Reader = (call: readonly unknown[]) => unknown;

/** A letter of a side, or one more than it. */
export interface PlanLetter {
  /** Index of its value. */
  readonly at: number;
  /** 1 in `d+1`, else 0. */
  readonly more: 0 | 1;
}

/** A side of a shape: the product of a number and of letters. */
export interface PlanSide {
  /** As in the table, for messages. */
  readonly factors: readonly Factor[];
  /** Product of its numbers. */
  readonly constant: number;
  /** Its letters. */
  readonly letters: readonly PlanLetter[];
}

/** A shape: rows and columns. */
export type PlanShape = readonly [rows: PlanSide, cols: PlanSide];

/** One operand, and how the parts of a call that it depends on are read. */
export interface PlanPlace {
  /** Name of the argument. */
  readonly name: string;
  /** How errors about it begin. */
  readonly subject: string;
  /** Its entry in the table. */
  readonly operand: Operand;
  /** Its shape. */
  readonly shape: PlanShape;
  /** Its shape instead, where another part of the call has a certain value. */
  readonly instead:
    | { readonly shape: PlanShape; readonly value: unknown; readonly read: Reader }
    | undefined;
  /** The matrix itself. */
  readonly read: Reader;
  /** Tells whether it must lie apart from what is written; `undefined` where it always must. */
  readonly apart: Reader | undefined;
}

/** What takes convolutions with groups; factors belong to one group each. */
const GROUPED: readonly (keyof Verbs)[] = [
  "conv2d",
  "conv2dDataGradient",
  "conv2dWeightGradient",
  "depthwiseSecondMoment",
  "depthwiseSquaredProjection",
];

/** The plan of a verb. */
export class CallPlan {
  /** The verb. */
  readonly verb: keyof Verbs;
  /** Whether convolutions with groups are taken as a whole. */
  readonly takesGroups: boolean;
  /** Operands, outputs first. */
  readonly places: readonly PlanPlace[];
  /** All letters; the values of a call stand in the same order. */
  readonly letters: readonly string[];
  /** Values of the letters in the call that is being checked; NaN while unknown. */
  readonly sizes: Float64Array;
  /** A capture, which knows some of the letters. */
  readonly capture: Reader | undefined;
  /** A window, which does. */
  readonly geometry: Reader | undefined;
  /** Of how many matrices one below the other. */
  readonly parts: Reader | undefined;

  /**
   * Works it out.
   *
   * @param formula What `evaluate` is called with.
   */
  constructor(verb: keyof Verbs, formula: unknown) {
    const names = KERNEL_TABLE[verb].call;
    const readerOf = (part: string): Reader => {
      const [argument, field] = part.split(".");
      const index = names.indexOf(argument);
      if (field === undefined) return (call) => call[index];
      return (call) => (call[index] as Record<string, unknown> | undefined)?.[field];
    };
    const letters: string[] = [];
    const letterAt = (letter: string): number => {
      const at = letters.indexOf(letter);
      return at >= 0 ? at : letters.push(letter) - 1;
    };
    const sideOf = (factors: readonly Factor[]): PlanSide => {
      const numbers = factors.filter((factor) => typeof factor === "number");
      const words = factors.filter((factor) => typeof factor === "string");
      return {
        factors,
        constant: numbers.reduce((product, number) => product * number, 1),
        letters: words.map((word) => {
          const letter = letterOf(word);
          return { at: letterAt(letter), more: letter === word ? 0 : 1 };
        }),
      };
    };
    const shapeOf = ({ rows, cols }: SymbolicShape): PlanShape => [sideOf(rows), sideOf(cols)];
    this.verb = verb;
    this.takesGroups = GROUPED.includes(verb);
    this.places = Object.entries(operandsOf(verb, formula)).map(([name, operand]): PlanPlace => {
      const { shape, otherwise, inPlace } = operand;
      return {
        name,
        subject: `Cannot run ${verb} with this '${name}'`,
        operand,
        shape: shapeOf(shape),
        instead: otherwise && {
          shape: shapeOf(otherwise[0]),
          read: readerOf(otherwise[1]),
          value: otherwise[2],
        },
        read: readerOf(name),
        apart: typeof inPlace === "string" ? readerOf(inPlace) : inPlace && (() => false),
      };
    });
    const has = (name: string): Reader | undefined =>
      names.includes(name) ? readerOf(name) : undefined;
    this.capture = has("capture");
    this.geometry = this.capture === undefined
      ? has("geometry") ?? has("window")
      : readerOf("capture.geometry");
    this.parts = has("parts");
    this.letters = letters;
    this.sizes = new Float64Array(letters.length);
  }
}
