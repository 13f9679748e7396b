/** `gpt()` of `nn`, by jax-js: the same weights under the same names. */
import { type Array as JaxArray, nn, numpy as np } from "npm:@jax-js/jax@0.1.25";
import type { JaxLayers, Probe } from "@tekfac/tekfac/jax";

/** What the network is. */
export interface Gpt {
  readonly vocabulary: number;
  readonly context: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  /** Whether the table of tokens is the head's weights, too. */
  readonly tied: boolean;
}

/** Arrays of each layer by its name. */
export type GptParams = Record<string, { readonly w: JaxArray; readonly b: JaxArray }>;

/** What `nn` calls its parameters, in their order, and what each is. */
export function gptLayers({ layers, context, tied }: Gpt): JaxLayers {
  const dense = { kind: "dense", positions: context } as const;
  const norm = { kind: "scaleShift" } as const;
  const blocks = Array.from({ length: layers }, (_, i) =>
    [
      [`layerNorm${2 * i + 1}`, norm],
      [`attention${i + 1}_qkv`, dense],
      [`attention${i + 1}_out`, dense],
      [`layerNorm${2 * i + 2}`, norm],
      [`dense${2 * i + 1}`, dense],
      [`dense${2 * i + 2}`, dense],
    ] as const).flat();
  return Object.fromEntries([
    ["embedding1", { kind: "embedding", tied }],
    ["position1", { kind: "embedding" }],
    ...blocks,
    [`layerNorm${2 * layers + 1}`, norm],
    ...tied ? [] : [[`dense${2 * layers + 1}`, dense] as const],
  ]);
}

/** Logits [N, T, V] of tokens [N, T]. */
export function gptLogits(
  { layers, heads, width, vocabulary, tied }: Gpt,
  params: GptParams,
  probe: Probe,
  tokens: JaxArray,
): JaxArray {
  const [examples, positions] = tokens.shape;
  const places = np.tile(np.arange(positions).astype(np.int32).reshape([1, -1]), [examples, 1]);
  const lookUp = (name: string, at: JaxArray) =>
    probe(name, at.ref, np.take(params[name].w.ref, at, 0));
  const dense = (name: string, x: JaxArray) => {
    const { w, b } = params[name];
    const z = np.dot(x.ref, w.ref);
    return probe(name, x, b === undefined ? z : z.add(b.ref));
  };
  const norm = (name: string, x: JaxArray) => {
    const normal = nn.standardize(x, -1, { epsilon: 1e-5 });
    const { w, b } = params[name];
    return probe(name, normal.ref, normal.mul(w.ref).add(b.ref));
  };
  const attend = (x: JaxArray) => {
    const of = (i: number) =>
      x.ref.slice([], [], [i * width, (i + 1) * width])
        .reshape([examples, positions, heads, width / heads]);
    const out = nn.dotProductAttention(of(0), of(1), of(2), { isCausal: true });
    x.dispose();
    return out.reshape([examples, positions, width]);
  };
  let x = lookUp("embedding1", tokens).add(lookUp("position1", places));
  for (let i = 0; i < layers; i++) {
    const qkv = dense(`attention${i + 1}_qkv`, norm(`layerNorm${2 * i + 1}`, x.ref));
    x = x.add(dense(`attention${i + 1}_out`, attend(qkv)));
    const hidden = dense(`dense${2 * i + 1}`, norm(`layerNorm${2 * i + 2}`, x.ref));
    x = x.add(dense(`dense${2 * i + 2}`, nn.gelu(hidden, { approximate: false })));
  }
  x = norm(`layerNorm${2 * layers + 1}`, x);
  if (!tied) return dense(`dense${2 * layers + 1}`, x);
  const z = np.dot(x.ref, np.transpose(params.embedding1.w.ref));
  return probe("embedding1", x, z).reshape([examples, positions, vocabulary]);
}
