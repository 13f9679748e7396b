/**
 * Eigenvectors of symmetric matrices by Jacobi's method, many matrices at a time. Nothing is read back:
 * a fixed number of sweeps is enqueued, and matrices that are done pass the rest. The steps are explained
 * in `kernels/eigh_measure.wgsl`.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import { type EighJob, EighStatus, type Verbs } from "../../backend.ts";
import * as kernels from "../device/_kernels.gen.ts";
import { multiply } from "./algebra.ts";
import { elementGrid, type Machine } from "../device/machine.ts";

/** The verb of this topic. */
export type Eigensolver = Pick<Verbs, "eigh">;

/** Small matrices are padded to multiples of this, so that fewer sizes come up. */
const PADDING = 8;

/** Sweeps of the block method; it converges quadratically, and none of the stress families takes 10. */
const BLOCK_SWEEPS = 14;

/** Numbers of the workspaces of matrices solved together; beyond, they are solved in turns. */
const MOST_NUMBERS = 1 << 24;

/** Numbers of `state` per matrix. */
const STATE = 8;

/** Matrices of one padded size, one below the other, and all that belongs to them. */
interface Workspace {
  readonly jobs: readonly EighJob[];
  /** Padded size. */
  readonly size: number;
  readonly state: Matrix;
  /** The scaled matrices. */
  readonly a: Matrix;
  /** The bases. */
  readonly v: Matrix;
  /** Products with the bases. */
  readonly t: Matrix;
  /** The matrices in the bases. */
  readonly s: Matrix;
}

/** The verb of this topic on one machine. */
export function createEigensolver(machine: Machine): Eigensolver {
  const side = sideOf(machine.device.limits.maxComputeWorkgroupStorageSize);
  return {
    eigh(jobs) {
      for (const [size, group] of bySize(jobs, side)) {
        const together = Math.max(1, Math.floor(MOST_NUMBERS / (size * size)));
        for (let first = 0; first < group.length; first += together) {
          machine.scope(() => solve(machine, group.slice(first, first + together), size, side));
        }
      }
    },
  };
}

/** Side of the matrices solved in shared memory: two of them, with a gap per row, have to fit. */
function sideOf(bytes: number): number {
  return [64, 56, 40].find((side) => 8 * side * (side + 1) + 512 <= bytes) ?? 40;
}

/** Jobs by padded size; empty matrices have a status and nothing else. */
function bySize(jobs: readonly EighJob[], side: number): Map<number, EighJob[]> {
  const groups = new Map<number, EighJob[]>();
  for (const job of jobs) {
    const n = job.matrix.rows;
    const unit = n <= side ? PADDING : side;
    const size = Math.max(PADDING, Math.ceil(n / unit) * unit);
    const group = groups.get(size);
    if (group === undefined) groups.set(size, [job]);
    else group.push(job);
  }
  return groups;
}

function solve(machine: Machine, jobs: readonly EighJob[], size: number, side: number): void {
  const count = jobs.length;
  const square = (): Matrix => machine.temporary(count * size, size);
  const work: Workspace = {
    jobs,
    size,
    state: machine.temporary(count, STATE),
    a: square(),
    v: square(),
    t: square(),
    s: square(),
  };
  jobs.forEach((job, index) => load(machine, work, job, index));
  eachProduct(machine, work, work.t, work.a, work.v);
  eachProduct(machine, work, work.s, work.v, work.t, true);
  check(machine, work, { FIRST: true });
  if (size <= side) {
    const { state, v: vectors, s: matrices } = work;
    machine.run(
      kernels.eighSmall,
      { state, vectors, matrices },
      { size },
      [count, 1, 1],
      { overrides: { SIDE: side } },
    );
  } else {
    blockJacobi(machine, work, side);
  }
  finish(machine, work, square());
}

function load(machine: Machine, { size, state, a, v }: Workspace, job: EighJob, index: number) {
  const { matrix: x, previous, staleness = 0 } = job;
  const facts = { n: x.rows, job: index, warm: previous === undefined ? 0 : 1 };
  machine.run(kernels.eighMeasure, { state, x }, { ...facts, staleness }, [1, 1, 1]);
  machine.run(
    kernels.eighLoad,
    { matrices: a, vectors: v, state, x, previous },
    { ...facts, rows: size, cols: size },
    elementGrid(size * size),
  );
}

function check(machine: Machine, work: Workspace, overrides: Record<string, boolean>): void {
  const { jobs, size, state, s } = work;
  machine.run(kernels.eighCheck, { state, s }, { size }, [jobs.length, 1, 1], { overrides });
}

/** Sweeps over pairs of blocks: half a round diagonalizes the pairs, the other half tells the rest. */
function blockJacobi(machine: Machine, work: Workspace, side: number): void {
  const { jobs: { length: count }, size, state, v: vectors, s: matrices } = work;
  const pairs = size / side;
  const turns = machine.temporary(count * pairs * side, side);
  const launch = { overrides: { SIDE: side } };
  for (let sweep = 1; sweep <= BLOCK_SWEEPS; sweep++) {
    for (let round = 0; round < 2 * pairs - 1; round++) {
      const numbers = { size, round };
      machine.run(
        kernels.eighPivot,
        { matrices, turns, state },
        numbers,
        [pairs, count, 1],
        launch,
      );
      machine.run(
        kernels.eighApply,
        { matrices, vectors, turns, state },
        numbers,
        [pairs, 2 * pairs, count],
        launch,
      );
    }
    check(machine, work, sweep === BLOCK_SWEEPS ? { LAST: true } : {});
  }
}

/** One step of Newton to the nearest orthogonal basis, eigenvalues in it, and the results. */
function finish(machine: Machine, work: Workspace, polished: Matrix): void {
  const { jobs, size, state, a, v, t, s } = work;
  const numbers = size * size;
  eachProduct(machine, work, t, v, v, true);
  // V (3 I - V^T V) / 2
  machine.copy(polished, v);
  const batch = { count: jobs.length, a: numbers, b: numbers, c: numbers };
  multiply(
    machine,
    firstOf(polished, size),
    firstOf(v, size),
    firstOf(t, size),
    { alpha: -0.5, beta: 1.5 },
    batch,
  );
  eachProduct(machine, work, t, a, polished);
  const spectrum = machine.temporary(jobs.length, 2 * size);
  jobs.forEach(({ matrix, vectors, values, status, previous }, job) => {
    const n = matrix.rows;
    machine.run(
      kernels.eighValues,
      { spectrum, state, v: polished, products: t, s },
      { n, job, size },
      [1, 1, 1],
    );
    machine.run(
      kernels.eighStore,
      { vectors, values, status, polished, previous, spectrum, state },
      { rows: n, cols: n, job, size, warm: previous === undefined ? 0 : 1 },
      elementGrid(n * n),
    );
    if (n === 0) machine.write(status, [EighStatus.jacobi, previous ? 0 : -1, 0]);
  });
}

/** `C = op(A) B` for every matrix of the workspace. */
function eachProduct(
  machine: Machine,
  { jobs, size }: Workspace,
  c: Matrix,
  a: Matrix,
  b: Matrix,
  transposeA = false,
): void {
  const step = size * size;
  const batch = { count: jobs.length, a: step, b: step, c: step };
  const [first, left, right] = [c, a, b].map((stack) => firstOf(stack, size));
  multiply(machine, first, left, right, { transposeA }, batch);
}

/** The first of several matrices stored one below the other. */
function firstOf(stack: Matrix, rows: number): Matrix {
  return { ...stack, rows };
}
