/**
 * State of many equal parts in few matrices, so that what keeps and reports it sees one per kind.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { type Matrix, type OwnedMatrix, rowsOf } from "../core/matrix.ts";
import { Owner } from "./blocks/block.ts";

/**
 * Matrices whose rows belong to equal parts. Every part allocates the same shapes in the same order: its i-th
 * matrix is its share of the i-th stack.
 *
 * @example Two parts share one matrix
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using stacks = new Stacks(backend, 2);
 * const [first, second] = [stacks.part(0).alloc(1, 2), stacks.part(1).alloc(1, 2)];
 * backend.write(first, [1, 2]);
 * backend.write(second, [3, 4]);
 * assert.deepEqual([...backend.readSync(stacks.whole(first))], [1, 2, 3, 4]);
 * assert.equal(backend.memory().handles, 1);
 * ```
 */
export class Stacks extends Owner {
  readonly #backend: Backend;
  readonly #parts: number;
  readonly #stacks: OwnedMatrix[] = [];
  /** Members of the backend, bound to it. */
  readonly #members = new Map<PropertyKey, unknown>();

  /** The caller disposes it, after the parts. */
  constructor(backend: Backend, parts: number) {
    super();
    this.#backend = backend;
    this.#parts = parts;
  }

  /** The backend as a part sees it: what it allocates are rows of the stacks, which disposing leaves alone. */
  part(index: number): Backend {
    let next = 0;
    const alloc = (rows: number, cols: number): OwnedMatrix => {
      const stack = this.#stacks[next] ??= this.alloc(this.#backend, this.#parts * rows, cols);
      next++;
      return { ...rowsOf(stack, index * rows, (index + 1) * rows), [Symbol.dispose]: () => {} };
    };
    return new Proxy(this.#backend, {
      get: (_, name) => name === "alloc" ? alloc : this.#member(name),
    });
  }

  /** All parts' rows of what one part has allocated. */
  whole(part: Matrix): Matrix {
    return this.#stacks.find(({ storage }) => storage === part.storage)!;
  }

  #member(name: PropertyKey): unknown {
    const value = Reflect.get(this.#backend, name);
    if (typeof value !== "function") return value;
    let bound = this.#members.get(name);
    if (bound === undefined) this.#members.set(name, bound = value.bind(this.#backend));
    return bound;
  }
}
