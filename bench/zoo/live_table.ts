/**
 * A table whose lines appear as they are known, and a line below it that tells what is running.
 *
 * @module
 */

import type { Line } from "./judging.ts";
import { short } from "./verdict.ts";

/** Columns with the widths that all lines keep to. */
const COLUMNS = [
  ["optimizer", 9],
  ["value", 9],
  ["best rival", 9],
  ["named", 14],
  ["worst step", 10],
  ["seconds", 7],
  ["verdict", 7],
] as const;

/** Prints lines on standard output and progress on standard error, where that is a terminal. */
export class LiveTable {
  readonly #nameWidth: number;
  readonly #started = performance.now();
  readonly #running = new Set<string>();
  readonly #count: number;
  #done = 0;

  /** Prints the head of a table for rows of these names. */
  constructor(names: readonly string[]) {
    this.#nameWidth = Math.max(3, ...names.map(({ length }) => length));
    this.#count = names.length;
    this.#print(this.#line("row", COLUMNS.map(([title]) => title), "why"));
    const rule = COLUMNS.map(([, width]) => "-".repeat(width - 1) + ":");
    this.#print(this.#line("-".repeat(this.#nameWidth), rule, "---"));
  }

  /** A row has begun. */
  begin(name: string): void {
    this.#running.add(name);
    this.#progress();
  }

  /** A row is finished. */
  add(name: string, lines: readonly Line[]): void {
    this.#running.delete(name);
    this.#done++;
    for (const line of lines) this.#print(this.#line(name, cellsOf(line), whyOf(line)));
    this.#progress();
  }

  /** A row is not run. */
  skip(name: string, reason: string): void {
    this.#done++;
    const cells = COLUMNS.map(([title]) => title === "verdict" ? "skipped" : "");
    this.#print(this.#line(name, cells, reason));
  }

  /** Takes the line of progress away. */
  end(): void {
    this.#erase();
  }

  #line(name: string, cells: readonly string[], why: string): string {
    const padded = cells.map((cell, i) => cell.padStart(COLUMNS[i][1]));
    return `| ${[name.padEnd(this.#nameWidth), ...padded, why].join(" | ")} |`;
  }

  #print(line: string): void {
    this.#erase();
    console.log(line);
  }

  #erase(): void {
    if (Deno.stderr.isTerminal()) write("\r\x1b[K");
  }

  #progress(): void {
    if (!Deno.stderr.isTerminal()) return;
    const seconds = Math.round((performance.now() - this.#started) / 1000);
    const text = `${this.#done} of ${this.#count} rows, ${seconds} s: ${
      [...this.#running].join("; ")
    }`;
    write(`\r\x1b[K${text.slice(0, Deno.consoleSize().columns - 1)}`);
  }
}

function cellsOf({ optimizer, value, rival, worst, seconds, ok }: Line): string[] {
  const verdict = ok === undefined ? "open" : ok ? "ok" : "FAIL";
  return [
    optimizer,
    short(value),
    rival === undefined ? "" : short(rival.value),
    rival?.name ?? "",
    short(worst),
    seconds.toFixed(1),
    verdict,
  ];
}

function whyOf({ quantity, reason }: Line): string {
  return reason === "" ? quantity : `${quantity}: ${reason}`;
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
