/**
 * Ranks that are processes, started by an MPI launcher on one machine or many.
 *
 * @module
 */

import { GroupError } from "../../core/errors.ts";
import { checkKnownKeys, checkNumber } from "../../core/options.ts";
import { Collective, type Moves } from "../collective.ts";
import { type Group, type GroupOptions, PATIENCE } from "../group.ts";
import { bytesOf, likewise, type Sendable, type Summable } from "../numbers.ts";
import { LastWord } from "./last_word.ts";
import { loadMpi, type MpiLibrary } from "./library.ts";

/** Options of {@linkcode mpiGroup}. */
export interface MpiOptions extends GroupOptions {
  /** Where the library is. @default {the first of the usual names that the loader finds} */
  readonly library?: string;
}

/** `MPI_THREAD_FUNNELED`: only this thread calls the library. */
const FUNNELED = 1;

/** Tag of the last message of a rank. */
const FAREWELL = 7;

/** Looks at a request before the thread sleeps between two of them: others may need the processor to get there. */
const EAGER = 400;

/** Milliseconds of such a sleep. */
const NAP = 0.05;

/** Milliseconds that a rank which cannot go on leaves to the one that is the reason, so that its message is seen. */
const COURTESY = 500;

/**
 * Joins the ranks that `mpirun` or `mpiexec` has started; without them it is a group of one. Takes Deno and the
 * permission `--allow-ffi`, and a library of Open MPI or MPICH, of the family of the launcher. Once per process, and
 * to be disposed, which waits for the others: a launcher takes a rank that just ends for one that has failed, and
 * ends the others.
 *
 * @throws {GroupError} When there is no such library, or MPI cannot be initialized.
 *
 * @example `mpirun -n 4 deno run --allow-ffi program.ts`
 * ```ts ignore
 * using group = mpiGroup();
 * const ranks = new Float64Array([group.rank]);
 * group.allReduce(ranks); // 0 + 1 + 2 + 3
 * ```
 *
 * @example Where there is no such library
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.throws(() => mpiGroup({ library: "/nowhere/libmpi.so" }), { name: "GroupError" });
 * ```
 */
export function mpiGroup(options: MpiOptions = {}): Group {
  const subject = "Cannot join a group of MPI";
  checkKnownKeys(subject, options, ["patience", "library"]);
  const { patience = PATIENCE } = options;
  checkNumber(subject, "patience", patience, { above: 0 });
  const { library, launch } = loadMpi(options.library);
  const { call, handles: { world, returnErrors }, family } = library;
  const word = new Int32Array(1);
  const ask = (name: "MPI_Initialized" | "MPI_Comm_rank" | "MPI_Comm_size", ...args: unknown[]) => {
    check(library, call(name, ...args, word));
    return word[0];
  };
  if (ask("MPI_Initialized") !== 0) {
    throw new GroupError("Cannot join a group of MPI: this process has done so already");
  }
  check(library, call("MPI_Init_thread", null, null, FUNNELED, word));
  check(library, call("MPI_Comm_set_errhandler", world, returnErrors));
  const [rank, size] = [ask("MPI_Comm_rank", world), ask("MPI_Comm_size", world)];
  if (launch !== undefined && launch.size !== size) {
    throw new GroupError(
      `Cannot join a group of MPI: the launcher has started ${launch.size} ranks (${launch.variable}), but ` +
        `'${library.path}' of ${family.name} sees ${size}. Use the launcher that belongs to the library`,
    );
  }
  return new MpiGroup(library, rank, size, patience);
}

/** A request, what it works on (which must not be collected before), and what is being done. */
interface Request {
  readonly id: BigInt64Array;
  readonly keep: readonly unknown[];
}

class MpiGroup extends Collective<Request, void> {
  readonly name: string;
  readonly canBlock = true;
  readonly #library: MpiLibrary;
  readonly #patience: number;
  /** Collective operations begun. */
  #begun = 0;
  /** Operations of ranks that have said farewell. */
  readonly #ended = new Map<number, number>();
  readonly #flag = new Int32Array(1);
  readonly #status = new Int32Array(16);
  readonly #lastWord: LastWord;
  readonly #bed = new Int32Array(new SharedArrayBuffer(4));

  constructor(library: MpiLibrary, rank: number, size: number, patience: number) {
    super(rank, size);
    this.#library = library;
    this.#patience = patience;
    this.name = nameOf(library);
    this.#lastWord = new LastWord(`Rank ${rank} of ${size} ends before the others`);
  }

  protected *sum(numbers: Summable): Moves<Request, void, void> {
    const { family, handles: { world, float, double, sum } } = this.#library;
    const type = numbers instanceof Float32Array ? float : double;
    const inPlace = Deno.UnsafePointer.create(family.inPlace);
    yield this.#begin("MPI_Iallreduce", [inPlace, numbers, numbers.length, type, sum, world]);
  }

  protected *spread(numbers: Sendable, root: number): Moves<Request, void, void> {
    const { handles: { world, byte } } = this.#library;
    const bytes = bytesOf(numbers);
    yield this.#begin("MPI_Ibcast", [bytes, bytes.length, byte, root, world]);
  }

  protected *gather<T extends Sendable>(part: T): Moves<Request, void, T[]> {
    const { handles: { world, byte } } = this.#library;
    const lengths = new Float64Array(this.size);
    lengths[this.rank] = part.byteLength;
    yield* this.sum(lengths);
    const counts = Int32Array.from(lengths);
    const places = new Int32Array(this.size);
    for (let rank = 1; rank < this.size; rank++) places[rank] = places[rank - 1] + counts[rank - 1];
    const all = new Uint8Array(places[this.size - 1] + counts[this.size - 1]);
    const own = bytesOf(part);
    yield this.#begin("MPI_Iallgatherv", [own, own.length, byte, all, counts, places, byte, world]);
    return Array.from(
      places,
      (place, rank) => likewise(part, all.subarray(place, place + counts[rank])),
    );
  }

  protected *swap(
    sent: readonly Sendable[],
    received: readonly Sendable[],
  ): Moves<Request, void, void> {
    const { handles: { world, byte } } = this.#library;
    const [out, back] = [sent, received].map((parts) => roomFor(parts, this.rank));
    out.of.forEach((place, rank) => place.set(bytesOf(sent[rank]).subarray(0, place.length)));
    yield this.#begin("MPI_Ialltoallv", [
      ...[out.bytes, out.counts, out.places, byte],
      ...[back.bytes, back.counts, back.places, byte, world],
    ]);
    back.of.forEach((place, rank) => bytesOf(received[rank]).set(place));
  }

  #begin(
    name: "MPI_Iallreduce" | "MPI_Ibcast" | "MPI_Iallgatherv" | "MPI_Ialltoallv",
    args: readonly unknown[],
  ): Request {
    this.#begun++;
    const id = new BigInt64Array(1);
    check(this.#library, this.#library.call(name, ...args, id));
    return { id, keep: args };
  }

  protected block(request: Request): void {
    const started = performance.now();
    for (let looks = 1; !this.#isDone(request); looks++) {
      if (looks < EAGER) continue;
      this.#checkOthers(started);
      Atomics.wait(this.#bed, 0, 0, NAP);
    }
  }

  protected override look(request: Request): { readonly came: void } | undefined {
    return this.#isDone(request) ? { came: undefined } : undefined;
  }

  protected async later(request: Request): Promise<void> {
    const started = performance.now();
    while (!this.#isDone(request)) {
      this.#checkOthers(started);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Says farewell and, unless something is unfinished, waits for that of the others. */
  protected leave(): void {
    const { call, handles: { world, double } } = this.#library;
    const count = new Float64Array([this.#begun]);
    const farewells: Request[] = [];
    for (let rank = 0; rank < this.size; rank++) {
      if (rank === this.rank) continue;
      const id = new BigInt64Array(1);
      check(this.#library, call("MPI_Isend", count, 1, double, rank, FAREWELL, world, id));
      farewells.push({ id, keep: [count] });
    }
    const started = performance.now();
    for (;;) {
      this.#hear();
      const failed = [...this.#ended.values()].some((begun) => begun !== this.#begun);
      const everybody = this.#ended.size === this.size - 1;
      if (!failed && everybody && farewells.every((request) => this.#isDone(request))) break;
      // What is unfinished cannot be finalized: the process ends, and its launcher ends the others.
      const ahead = [...this.#ended.values()].every((begun) => begun <= this.#begun);
      if (failed && !ahead) return this.#lastWord.say();
      if (failed && performance.now() - started > COURTESY) return this.#lastWord.withdraw();
      Atomics.wait(this.#bed, 0, 0, 1);
    }
    this.#lastWord.withdraw();
    call("MPI_Finalize");
  }

  #isDone({ id }: Request): boolean {
    const { call, family } = this.#library;
    const ignore = Deno.UnsafePointer.create(family.ignoreStatus);
    check(this.#library, call("MPI_Test", id, this.#flag, ignore));
    return this.#flag[0] !== 0;
  }

  /** Throws where what is waited for will not come. */
  #checkOthers(started: number): void {
    this.#hear();
    for (const [rank, begun] of this.#ended) {
      if (begun >= this.#begun) continue;
      throw new GroupError(
        `Cannot go on: rank ${rank} of ${this.size} has ended before the others; see its message, and go on from a ` +
          "checkpoint",
        { rank },
      );
    }
    if (performance.now() - started < this.#patience) return;
    throw new GroupError(
      `Cannot go on: some rank has not come for ${
        this.#patience / 1000
      } s; see what it does, or give the group ` +
        "more patience",
    );
  }

  /** Notes who has said farewell. */
  #hear(): void {
    const { call, family, handles: { world, double } } = this.#library;
    for (;;) {
      const probe = [family.anySource, FAREWELL, world, this.#flag, this.#status];
      check(this.#library, call("MPI_Iprobe", ...probe));
      if (this.#flag[0] === 0) return;
      const rank = this.#status[family.sourceAt];
      const count = new Float64Array(1);
      const ignore = Deno.UnsafePointer.create(family.ignoreStatus);
      check(this.#library, call("MPI_Recv", count, 1, double, rank, FAREWELL, world, ignore));
      this.#ended.set(rank, count[0]);
    }
  }
}

/** Bytes for parts side by side, by rank; none for the own one. */
function roomFor(parts: readonly Sendable[], own: number) {
  const counts = Int32Array.from(parts, ({ byteLength }, rank) => rank === own ? 0 : byteLength);
  const places = new Int32Array(parts.length);
  for (let rank = 1; rank < parts.length; rank++) {
    places[rank] = places[rank - 1] + counts[rank - 1];
  }
  const bytes = new Uint8Array(counts.reduce((sum, count) => sum + count, 0));
  const of = Array.from(places, (at, rank) => bytes.subarray(at, at + counts[rank]));
  return { bytes, counts, places, of };
}

/** What a library calls itself: `"Open MPI 4.1.4"`. */
function nameOf({ call, family: { name } }: MpiLibrary): string {
  const text = textFrom((bytes, length) => call("MPI_Get_library_version", bytes, length));
  const version = /\d+\.\d+(\.\d+)?/.exec(text)?.[0];
  return version === undefined ? name : `${name} ${version}`;
}

function check({ call, family }: MpiLibrary, code: number): void {
  if (code === 0) return;
  const reason = textFrom((bytes, length) => call("MPI_Error_string", code, bytes, length));
  throw new GroupError(`Cannot go on: ${family.name} says '${reason}'`);
}

/** Room for the longest text of any library. */
function textFrom(write: (bytes: Uint8Array, length: Int32Array) => number): string {
  const bytes = new Uint8Array(8192);
  const length = new Int32Array(1);
  write(bytes, length);
  return new TextDecoder().decode(bytes.subarray(0, length[0])).trim();
}
