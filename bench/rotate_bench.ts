/** Rotation of a gradient into the eigenbasis, and back with the damped division. */

import type { Basis } from "@tekfac/tekfac/backend";
import type { BenchMatrices, KernelBench } from "./_bench.ts";
import { benchKernels, mustAgree } from "./_bench.ts";

const SHAPES: readonly (readonly [dOut: number, dIn: number])[] = [
  [10, 129],
  [64, 577],
  [256, 785],
  [512, 513],
];

/** Reflections `I - 2 v v^T / |v|^2`, orthogonal and quickly made. */
function reflection({ backend, normal, read }: BenchMatrices, n: number) {
  using v = normal(1, n);
  const square = Math.hypot(...read(v)) ** 2;
  const q = backend.alloc(n, n);
  backend.write(q, Float32Array.from({ length: n * n }, (_, i) => i % (n + 1) === 0 ? 1 : 0));
  backend.gemm(q, v, v, { transposeA: true, alpha: -2 / square, beta: 1 });
  return q;
}

function rotation([dOut, dIn]: readonly [number, number]): KernelBench[] {
  const prepare = (matrices: BenchMatrices) => {
    const basis: Basis = { output: reflection(matrices, dOut), input: reflection(matrices, dIn) };
    const [x, out] = [matrices.normal(dOut, dIn), matrices.backend.alloc(dOut, dIn)];
    return { basis, x, out };
  };
  /** Reflections are their own inverses: twice the same rotation gives the matrix back. */
  const returns = (
    { backend, read }: BenchMatrices,
    { basis, x, out }: ReturnType<typeof prepare>,
  ): void => {
    using back = backend.alloc(dOut, dIn);
    backend.rotateInto(back, out, basis);
    const [expected, actual] = [read(x), read(back)];
    expected.forEach((value, i) => mustAgree(actual[i], value, 10));
  };
  const common = { name: `${dOut}x${dIn}`, sizes: { dOut, dIn } };
  return [{
    ...common,
    verb: "rotateInto",
    prepare: (matrices) => {
      const work = prepare(matrices);
      return {
        run: () => matrices.backend.rotateInto(work.out, work.x, work.basis),
        verify: () => returns(matrices, work),
      };
    },
  }, {
    ...common,
    verb: "rotateBack",
    prepare: (matrices) => {
      const work = prepare(matrices);
      const eigenvalues = matrices.backend.alloc(dOut, dIn);
      return {
        run: () =>
          matrices.backend.rotateBack(work.out, work.x, work.basis, { eigenvalues, damping: 1 }),
        verify: () => returns(matrices, work),
      };
    },
  }];
}

benchKernels(SHAPES.flatMap(rotation));
