/** Whole courses of training of a small gpt() beside a transformer in plain numbers, from the papers. */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { drawTokens } from "@tekfac/tekfac/data";
import { type BatchLike, gpt, objective, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import { adam, type Objective, type Optimizer, sgd } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { type Rule, type Sequences, trainedLosses, type Weights } from "./transformer.ts";

const [vocabulary, context, width, size, steps] = [7, 6, 8, 3, 20];
const sizes = { layers: 2, heads: 2 };

const adamw = { lr: 0.02, beta1: 0.9, beta2: 0.99, decay: 0.1, clip: 0.8 };

const rules: Record<string, [Rule, (goal: Objective<BatchLike>) => Optimizer<BatchLike>]> = {
  "gradient descent": [
    { kind: "sgd", lr: 0.3 },
    (goal) => sgd(goal, { learningRate: 0.3, momentum: false }),
  ],
  "AdamW with a clipped gradient": [
    { kind: "adamw", epsilon: 1e-8, ...adamw },
    (goal) =>
      adam(goal, {
        learningRate: adamw.lr,
        beta1: adamw.beta1,
        beta2: adamw.beta2,
        weightDecay: { kind: "decoupled", value: adamw.decay },
        gradientNormClip: adamw.clip,
      }),
  ],
};

/** Rounding, 2^-53 or 2^-24, of sums of some tens of terms, grown by a factor per step that the course bears out. */
const TOLERANCES = { reference: 1e-10, wasm: 1e-5 } as const;

for (const [name, [rule, create]] of Object.entries(rules)) {
  for (const kind of ["reference", "wasm"] as const) {
    Deno.test(`${steps} steps of ${name} on a gpt() have the losses of plain numbers, /${kind}/`, async () => {
      using backend = await createBackend({ prefer: [kind] });
      const layers = gpt({ vocabulary, context, width, ...sizes });
      using model = sequential(backend, { input: [context], layers, seed: 1 });
      const weights = await larger(backend, model.parameters);
      const text = Array.from({ length: 60 }, (_, i) => (i * i + (i >> 2)) % vocabulary);
      const batches = Array.from(
        { length: steps },
        (_, step) => drawTokens(text, { context, size, seed: 3, step }),
      );
      using optimizer = create(objective(model, softmaxCrossEntropy()));
      const reports = batches.map((batch) => optimizer.stepSync(batch));
      const expected = trainedLosses(weights, sizes, batches.map(sequencesOf), rule);
      allClose(reports.map(({ loss }) => loss), expected, { relative: TOLERANCES[kind] });
      assert(expected[steps - 1] < 0.9 * expected[0], `${expected}`);
      if (rule.kind === "adamw") {
        assert(reports.some(({ gradientFactor }) => gradientFactor! < 0.9));
      }
    });
  }
}

/** Moves all weights, so that shifts and biases are none of the zeros they begin with. */
async function larger(
  backend: Backend,
  parameters: ReturnType<typeof sequential>["parameters"],
): Promise<Weights> {
  const random = new Random(5);
  const all: number[][][] = [];
  for (const { value } of parameters) {
    const now = Float32Array.from(await backend.read(value), (w) => w + 0.2 * random.normal());
    backend.write(value, now);
    all.push(
      Array.from(
        { length: value.rows },
        (_, i) => [...now.subarray(i * value.cols, (i + 1) * value.cols)],
      ),
    );
  }
  return all;
}

function sequencesOf({ inputs, targets }: BatchLike): Sequences {
  const rows = (tokens: ArrayLike<number>) =>
    Array.from(
      { length: size },
      (_, n) => Array.from(tokens).slice(n * context, (n + 1) * context),
    );
  return { inputs: rows(inputs), targets: rows(targets) };
}
