/**
 * Ranks that post messages to each other: workers, frames, pages over WebSockets.
 *
 * @module
 */

import { GroupError, OptionError } from "../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../core/options.ts";
import { Collective, type Moves } from "./collective.ts";
import { type Group, type GroupOptions, PATIENCE } from "./group.ts";
import { addTo, bytesOf, likewise, type Sendable, type Summable } from "./numbers.ts";
import { type Mailbox, mailboxOf } from "./mailbox.ts";
import type { Port } from "./port.ts";

/**
 * A rank's side of a group whose ranks have a port to each other. Each rank sums a part of the numbers, in float64 and
 * in the order of the ranks: a rank sends and receives `2 (size - 1) / size` times their bytes, which is the least.
 *
 * The blocking forms work on servers (Deno, Node, Bun) with ports of type `MessagePort`. Elsewhere messages arrive
 * between turns of the event loop only.
 *
 * @param rank From 0.
 * @param ports By rank of the other side; the place of `rank` itself is not looked at.
 * @throws {OptionError} When a number is out of range, or a port is missing.
 *
 * @example Two ranks
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const { port1, port2 } = new MessageChannel();
 * using first = portGroup(0, [undefined, port1]);
 * using second = portGroup(1, [port2, undefined]);
 * const sums = [first, second].map(async (group) => {
 *   const numbers = new Float64Array([group.rank, 1]);
 *   await group.allReduceAsync(numbers);
 *   return [...numbers];
 * });
 * assert.deepEqual(await Promise.all(sums), [[1, 2], [1, 2]]);
 * ```
 */
export function portGroup(
  rank: number,
  ports: readonly (Port | undefined)[],
  options: GroupOptions = {},
): Group {
  const subject = "Cannot make a group of ports";
  checkKnownKeys(subject, options, ["patience"]);
  checkNumber(subject, "rank", rank, { min: 0, max: ports.length - 1, integer: true });
  const { patience = PATIENCE } = options;
  checkNumber(subject, "patience", patience, { above: 0 });
  const mailboxes = ports.map((port, other) => {
    if (other === rank) return undefined;
    if (port === undefined) {
      throw new OptionError(subject, `ports[${other}]`, "must be the port to that rank", port);
    }
    return mailboxOf(port);
  });
  return new PortGroup(rank, mailboxes, patience);
}

/** Waits for the next message of a rank. */
interface Reception {
  readonly from: number;
}

class PortGroup extends Collective<Reception, Uint8Array> {
  readonly name = "ports";
  readonly canBlock: boolean;
  /** By rank; none of its own. */
  readonly #mailboxes: readonly (Mailbox | undefined)[];
  readonly #patience: number;

  constructor(rank: number, mailboxes: readonly (Mailbox | undefined)[], patience: number) {
    super(rank, mailboxes.length);
    this.#mailboxes = mailboxes;
    this.#patience = patience;
    this.canBlock = mailboxes.every((mailbox) =>
      mailbox === undefined || mailbox.take !== undefined
    );
  }

  protected *sum(numbers: Summable): Moves<Reception, Uint8Array, void> {
    const bound = (rank: number) => Math.floor(rank * numbers.length / this.size);
    const partOf = (rank: number) => numbers.subarray(bound(rank), bound(rank + 1));
    this.#others().forEach((rank) => this.#send(rank, bytesOf(partOf(rank))));
    const own = partOf(this.rank);
    const total = new Float64Array(own.length);
    for (let rank = 0; rank < this.size; rank++) {
      const part = rank === this.rank ? own : likewise(numbers, yield { from: rank });
      addTo(total, part);
    }
    own.set(total);
    this.#others().forEach((rank) => this.#send(rank, bytesOf(own)));
    for (const from of this.#others()) bytesOf(partOf(from)).set(yield { from });
  }

  protected *spread(numbers: Sendable, root: number): Moves<Reception, Uint8Array, void> {
    const bytes = bytesOf(numbers);
    if (this.rank === root) this.#others().forEach((rank) => this.#send(rank, bytes));
    else bytes.set(yield { from: root });
  }

  protected *gather<T extends Sendable>(part: T): Moves<Reception, Uint8Array, T[]> {
    const bytes = bytesOf(part);
    this.#others().forEach((rank) => this.#send(rank, bytes));
    const all: T[] = [];
    for (let from = 0; from < this.size; from++) {
      all.push(likewise(part, from === this.rank ? bytes : yield { from }));
    }
    return all;
  }

  protected *swap(
    sent: readonly Sendable[],
    received: readonly Sendable[],
  ): Moves<Reception, Uint8Array, void> {
    for (const rank of this.#others()) {
      if (sent[rank].length > 0) this.#send(rank, bytesOf(sent[rank]));
    }
    for (const from of this.#others()) {
      if (received[from].length > 0) bytesOf(received[from]).set(yield { from });
    }
  }

  protected block({ from }: Reception): Uint8Array {
    return this.#received(from, this.#mailboxes[from]!.take!(this.#patience));
  }

  protected async later({ from }: Reception): Promise<Uint8Array> {
    return this.#received(from, await this.#mailboxes[from]!.next(this.#patience));
  }

  protected leave(): void {
    for (const mailbox of this.#mailboxes) mailbox?.close();
  }

  #received(from: number, message: Uint8Array | "closed" | "late"): Uint8Array {
    if (typeof message !== "string") return message;
    throw new GroupError(
      message === "closed"
        ? `Cannot go on: rank ${from} of ${this.size} is gone; end, and go on from a checkpoint`
        : `Cannot go on: rank ${from} of ${this.size} has not come for ${
          this.#patience / 1000
        } s; see what it does, ` +
          "or give the group more patience",
      { rank: from },
    );
  }

  #send(rank: number, bytes: Uint8Array): void {
    this.#mailboxes[rank]!.send(bytes.slice().buffer);
  }

  #others(): number[] {
    return Array.from({ length: this.size }, (_, rank) => rank).filter((rank) =>
      rank !== this.rank
    );
  }
}
