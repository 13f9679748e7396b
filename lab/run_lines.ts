/**
 * Lines of `runs.jsonl`: one training and what came of it, with a check of the line's own text.
 *
 * @module
 */

import { digestOf } from "@tekfac/tekfac/core";
import type { RunOutcome } from "./comparison.ts";
import type { Assignment } from "./laboratory.ts";

/** A training that is done. */
export interface Line extends Assignment {
  /** When it was done, ISO 8601. */
  readonly finished: string;
  /** Share of the machine's cores that other programs used meanwhile. */
  readonly others: number;
  readonly outcome: RunOutcome;
}

/** `{"kind":..., "check":"0123456789abcdef"}`: the check is a digest of the text without it. */
const CHECKED = /,"check":"([0-9a-f]{16})"\}$/;

/** The text of a line, without its end. */
export function textOf(line: Line): string {
  const text = JSON.stringify(line);
  return `${text.slice(0, -1)},"check":"${checkOf(text)}"}`;
}

/**
 * Reads a line. One without a check, as earlier versions wrote them, counts where nothing else is wrong with it.
 *
 * @returns The training or, where the text is damaged, what is wrong with it.
 */
export function readLine(text: string): Line | string {
  const check = CHECKED.exec(text)?.[1];
  const plain = check === undefined ? text : `${text.slice(0, -`,"check":"${check}"}`.length)}}`;
  if (check !== undefined && check !== checkOf(plain)) return "its check is not that of its text";
  let line: unknown;
  try {
    line = JSON.parse(plain);
  } catch {
    return "it is not JSON";
  }
  return isLine(line) ? line : "it is not a training and its outcome";
}

function checkOf(text: string): string {
  return digestOf(new TextEncoder().encode(text)).slice(0, 16);
}

type Test = (value: unknown) => boolean;

const text: Test = (value) => typeof value === "string";
const number: Test = (value) => typeof value === "number" && Number.isFinite(value);
const count: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const share: Test = (value) => value === null || number(value);
const optional = (test: Test): Test => (value) => value === undefined || test(value);
const oneOf = (...words: readonly string[]): Test => (value) => words.includes(value as string);
const numbers: Test = (value) => isObject(value) && Object.values(value).every(number);
const day: Test = (value) => text(value) && !Number.isNaN(Date.parse(value as string));

const none: Test = () => false;

/** Whether a value has these fields, and what others there are pass, too. */
const fields = (tests: Readonly<Record<string, Test>>, others: Test = none): Test => (value) =>
  isObject(value) && Object.entries(tests).every(([name, test]) => test(value[name])) &&
  Object.entries(value).every(([name, more]) => Object.hasOwn(tests, name) || others(more));

const results = { testLoss: number, testAccuracy: share, metrics: optional(numbers) };
const epoch = fields({
  ...{ epoch: count, runningLoss: number, trainLoss: optional(number), seconds: number },
  ...results,
}, number);
// Other versions measure more.
const summary = fields({
  ...{ initialLoss: optional(number), trainLoss: number, seconds: number, stepMs: number },
  ...{ firstStepSeconds: optional(number), didNotLearn: optional((value) => value === true) },
  ...results,
  epochs: (value) => Array.isArray(value) && value.every(epoch),
}, number);
const record = fields({ record: summary }), failure = fields({ failure: text });
const line = fields({
  ...{ kind: oneOf("trial", "run", "timed"), optimizer: text, index: optional(count), seed: count },
  ...{ point: numbers, epochs: count, finished: day, others: number },
  outcome: (value) => record(value) || failure(value),
});

function isLine(value: unknown): value is Line {
  return line(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
