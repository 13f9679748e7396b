/**
 * Checks of what a checkpoint keeps besides matrices.
 *
 * @module
 */

import type { Matrix } from "../core/matrix.ts";
import type { Refreshable, Refresher } from "../curvature/refresher.ts";

/** Numbers besides matrices that a checkpoint has to keep; plain JSON. */
export type Counters = { readonly [name: string]: number | readonly number[] };

/** Whether a value is an integer >= 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether a value is a number >= 0. */
export function isAmount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

/** Whether a value is a list of so many integers from 0 to `most`. */
export function areCounts(
  value: unknown,
  length: number,
  most: number = Number.MAX_SAFE_INTEGER,
): value is readonly number[] {
  return Array.isArray(value) && value.length === length &&
    value.every((count) => isCount(count) && count <= most);
}

/** A refresh that is under way as numbers: the step in which it was begun and the blocks' indices; empty for none. */
export function underwayCounts<T extends Refreshable>(
  { underway }: Pick<Refresher<T>, "underway">,
  blocks: readonly T[],
): readonly number[] {
  if (underway === undefined) return [];
  const renewed = underway.blocks.filter((block) => block.underway !== undefined);
  return [underway.since, ...renewed.map((block) => blocks.indexOf(block))];
}

/** Whether numbers can be those of {@linkcode underwayCounts}. */
export function isUnderway(value: unknown, blocks: readonly Refreshable[]): boolean {
  if (!Array.isArray(value) || !areCounts(value, value.length)) return false;
  const [, ...indices] = value;
  return new Set(indices).size === indices.length &&
    indices.every((index) => blocks[index]?.underway !== undefined);
}

/** Goes on with a refresh. */
export function resumeUnderway<T extends Refreshable>(
  refresher: Pick<Refresher<T>, "resume">,
  [since, ...indices]: readonly number[],
  blocks: readonly T[],
): void {
  const underway = { since, blocks: indices.map((index) => blocks[index]) };
  refresher.resume(since === undefined ? undefined : underway);
}

/** The matrices of a refresh that is under way, by `parameter.matrix`. */
export function matricesUnderway(
  [, ...indices]: readonly number[],
  blocks: readonly Refreshable[],
): Readonly<Record<string, Matrix>> {
  return Object.fromEntries(indices.flatMap((index) => {
    const { parameter: { name }, underway } = blocks[index];
    return Object.entries(underway?.call(blocks[index]) ?? {}).map(([key, matrix]) => [
      `${name}.${key}`,
      matrix,
    ]);
  }));
}
