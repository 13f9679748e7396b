/**
 * ml-matrix: linear algebra in plain JavaScript, float64.
 *
 * @module
 */

import { loadPackage } from "./load_package.ts";
import { type Peer, type Task, timed } from "./peer.ts";
import type { Arrays, Work } from "./work.ts";

interface Matrix {
  readonly rows: number;
  mmul(other: Matrix): Matrix;
  to1DArray(): number[];
}

interface MlMatrix {
  readonly Matrix: {
    from1DArray(rows: number, cols: number, data: ArrayLike<number>): Matrix;
    eye(n: number): Matrix;
  };
  readonly EigenvalueDecomposition: new (x: Matrix, options: { assumeSymmetric: true }) => {
    readonly realEigenvalues: number[];
    readonly eigenvectorMatrix: Matrix;
  };
  readonly CholeskyDecomposition: new (x: Matrix) => { solve(x: Matrix): Matrix };
}

/** Starts ml-matrix. */
export async function mlMatrixPeer(): Promise<Peer> {
  const library = await loadPackage<MlMatrix>("npm:ml-matrix@6.15.1");
  return {
    name: "ml-matrix 6.15.1",
    prepare: (work, inputs) => Promise.resolve(prepare(library, work, inputs)),
    close: () => Promise.resolve(),
  };
}

function prepare(library: MlMatrix, work: Work, inputs: Arrays): Task | string {
  if (work.kind === "conv2d") return "has no such function";
  const { n, kind } = work;
  const { Matrix, EigenvalueDecomposition, CholeskyDecomposition } = library;
  const [a, b] = inputs.map((data) => Matrix.from1DArray(n, n, data));
  const eye = Matrix.eye(n);
  const run = (): (number[] | Matrix)[] => {
    switch (kind) {
      case "gemm":
        return [a.mmul(b)];
      case "eigh": {
        const solution = new EigenvalueDecomposition(a, { assumeSymmetric: true });
        return [solution.realEigenvalues, solution.eigenvectorMatrix];
      }
      case "inverse":
        return [new CholeskyDecomposition(a).solve(eye)];
    }
  };
  let results: (number[] | Matrix)[] = [];
  return {
    time: (runs) =>
      timed(runs, () => {
        results = run();
      }),
    result: () =>
      Promise.resolve(
        results.map((x) => Float32Array.from(Array.isArray(x) ? x : x.to1DArray())),
      ),
    close: () => {},
  };
}
