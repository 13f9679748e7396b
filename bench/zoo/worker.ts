/**
 * Runs rows that it is sent, one at a time, on a backend of its own.
 *
 * @module
 */

import { judgeRow, type Line, type Question } from "./judging.ts";
import { Lab } from "./lab.ts";
import { ROWS } from "./rows.ts";

/** The first message: what holds for all rows. */
export interface Opening {
  /** What is asked. */
  readonly question: Question;
  /** Directory of data. */
  readonly data: string | undefined;
}

/** What comes back for each row. */
export interface Answer {
  /** Its lines. */
  readonly lines?: readonly Line[];
  /** Why there are none: the message of an error that is not a matter of numbers. */
  readonly error?: string;
}

/** Only a worker has these; a module that imports this file for its types has not. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Opening | string>) => void) | null;
  postMessage(answer: Answer): void;
}

const scope = globalThis as unknown as WorkerScope;
let lab: Lab | undefined;
let question: Question | undefined;

scope.onmessage = async ({ data: message }) => {
  if (typeof message !== "string") {
    question = message.question;
    lab = await Lab.open(message.data);
    scope.postMessage({});
    return;
  }
  try {
    const row = ROWS.find(({ name }) => name === message)!;
    scope.postMessage({ lines: await judgeRow(lab!, row, question!) });
  } catch (error) {
    scope.postMessage({ error: `${message}: ${error instanceof Error ? error.message : error}` });
  }
};
