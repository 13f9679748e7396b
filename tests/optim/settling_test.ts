/** Steps that become shorter once they only go to and fro. */
import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
import { sgd, tekfac } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { makeBatch, problemOf, referenceBackend, smallModel, weightsOf } from "./problem.ts";

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

Deno.test("settling follows its formula, whatever the batches", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const T = 4;
  using optimizer = tekfac(problemOf(model), {
    settling: T,
    klClip: { kind: "measured", kappa: 1 },
  });
  const averages = () => optimizer.momentum.buffers.map((m) => [...backend.readSync(m!)]);
  let [m, tau] = [1, 0];
  for (let step = 0; step < 60; step++) {
    const before = averages();
    const examples = step % 2 === 0 ? 16 : 40;
    const { settling } = optimizer.stepSync(makeBatch(examples, step));
    const ratios = model.parameters.map(({ gradient }, i) => {
      const squares = dot(before[i], before[i]);
      if (squares === 0) return 1;
      const ratio = dot(before[i], backend.readSync(gradient)) / squares;
      return Math.max(-3, Math.min(3, ratio));
    });
    m = 0.95 * m + 0.05 * ratios.reduce((sum, ratio) => sum + ratio) / ratios.length;
    tau += Math.max(0, Math.min(1, -m / 0.2)) * Math.min(1, examples / 32);
    allClose([settling!], [1 / Math.sqrt(1 + tau / T)], { relative: 1e-12, label: `step ${step}` });
  }
  assert(tau > 1, `steps went to and fro, tau ${tau}`);
});

Deno.test("settling multiplies the step and the decay, as a smaller learning rate does", () => {
  using backend = referenceBackend();
  const after = (settled: boolean, learningRate: number): number[] => {
    using model = smallModel(backend);
    const decay = { kind: "decoupled", value: 0.3 } as const;
    const options = { learningRate, weightDecay: decay, momentum: { on: "gradient", value: 0.9 } };
    using optimizer = sgd(problemOf(model), {
      ...options as { learningRate: number },
      settling: settled && 300,
    });
    const { settling } = optimizer.rules;
    // As after nine times T steps to and fro: m stays positive in the one step that is left.
    if (settling !== undefined) backend.write(settling.state, [10, 2700, 1]);
    optimizer.stepSync(makeBatch(16, 1));
    return weightsOf(model);
  };
  allClose(after(true, 0.5), after(false, 0.5 / Math.sqrt(10)), { relative: 1e-12 });
});

Deno.test("steps on noise alone settle, steps that get ahead do not", () => {
  using backend = referenceBackend();
  const settled = (noise: number): number => {
    const random = new Random(5);
    using model = sequential(backend, { input: [4], layers: [dense(1)], seed: 1 });
    using optimizer = tekfac(objective(model, squaredError()));
    let last = 1;
    for (let step = 0; step < 600; step++) {
      const inputs = Float64Array.from({ length: 4 * 32 }, () => random.normal());
      const targets = Float64Array.from(
        { length: 32 },
        (_, n) => inputs[4 * n] + noise * random.normal(),
      );
      last = optimizer.stepSync({ inputs, targets }).settling!;
    }
    return last;
  };
  assert(settled(1) < 0.8, `${settled(1)}`);
  assert(settled(0) > 0.95, `${settled(0)}`);
});

Deno.test("settling knows nothing of the scale of a layer", () => {
  using backend = referenceBackend();
  const course = (unit: number): number[] => {
    const random = new Random(7);
    using model = sequential(backend, { input: [3], layers: [dense(1, { bias: false })], seed: 2 });
    const [{ value }] = model.parameters;
    backend.write(value, [unit, -unit, unit]);
    using optimizer = tekfac(objective(model, squaredError()));
    return Array.from({ length: 80 }, () => {
      const inputs = Float64Array.from({ length: 3 * 16 }, () => random.normal());
      const targets = Float64Array.from({ length: 16 }, () => unit * random.normal());
      return optimizer.stepSync({ inputs, targets }).settling!;
    });
  };
  const expected = course(2 ** 8);
  assert(expected[79] < 1);
  allClose(course(2 ** 16), expected, { relative: 1e-9 });
});

Deno.test("nothing settles where momentum averages no gradients, or is not asked to", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using heavyBall = sgd(problemOf(model), { settling: 1, momentum: { on: "update", value: 0.9 } });
  using paper = tekfac(problemOf(model), { preset: "paper" });
  const factors = Array.from(
    { length: 20 },
    (_, i) => heavyBall.stepSync(makeBatch(8, i)).settling,
  );
  assert(factors.every((factor) => factor === 1));
  assert.equal(paper.stepSync(makeBatch(8, 1)).settling, undefined);
  assert.throws(() => sgd(problemOf(model), { settling: 0 }), /settling/);
});
