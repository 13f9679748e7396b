/** Everything that a step may change, for tests that want none of it changed. */
import type { Matrix } from "@tekfac/tekfac/core";
import type { Optimizer } from "@tekfac/tekfac/optim";

/** What an optimizer and its model remember. */
export interface WholeState {
  /** By name. */
  readonly matrices: Readonly<Record<string, Matrix>>;
  /** All that is no matrix. */
  readonly words: Readonly<Record<string, unknown>>;
}

/** All that a step of an optimizer may change. */
export function wholeStateOf<B>(optimizer: Optimizer<B>): WholeState {
  const { preconditioner, rules, momentum, random, stepCount, freezing, objective } = optimizer;
  const { parameters, passes } = objective;
  const weights = Object.fromEntries(parameters.map(({ name, value }) => [name, value]));
  const velocities = [...momentum.buffers.entries()].flatMap(([i, buffer]) =>
    buffer === undefined ? [] : [[i, buffer]]
  );
  return {
    matrices: {
      ...objective.state,
      ...weights,
      ...Object.fromEntries(velocities),
      ...preconditioner.state,
      ...rules.state,
    },
    words: {
      momentumWeights: momentum.weights,
      counters: [preconditioner.counters?.(), rules.counters(), stepCount, passes],
      random: random.save(),
      frozen: freezing.frozen,
    },
  };
}
