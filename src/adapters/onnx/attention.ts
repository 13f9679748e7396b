/**
 * Attention of several heads as operations of ONNX.
 *
 * @module
 */

import { channelsOf } from "../../nn/example_shape.ts";
import { affine } from "./affine.ts";
import type { Value } from "./graph.ts";
import { notExported, type Site } from "./site.ts";

/** `out = softmax(q k^T / sqrt(d)) v` per head of d channels, between its two projections. */
export function attention(x: Value, site: Site): Value {
  const { graph, layer: { layers }, options } = site;
  const heads = options["heads"] as number;
  const [positions, channels] = [x.shape[0], channelsOf(x.shape)];
  const size = channels / heads;
  if (options["rotary"] === true) throw notExported(site.layer.name, "with rotary positions");
  const [project, , collect] = layers!;
  const all = affine(x, site, project);
  const shape = graph.integers([0, positions, heads, size]);
  const parts = graph.addSplit("Split", [all.name], -1, 3);
  const [q, k, v] = parts.map((part, i) =>
    graph.add("Transpose", [graph.add("Reshape", [part, shape])], {
      perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3],
    })
  );
  const products = graph.add("MatMul", [q, k]);
  let scores = graph.add("Mul", [products, graph.float(1 / Math.sqrt(size))]);
  if (options["causal"] === true) {
    const mask = Float32Array.from(
      { length: positions ** 2 },
      (_, i) => i % positions > Math.floor(i / positions) ? -Infinity : 0,
    );
    const name = graph.floats(`${site.layer.name}.mask`, [positions, positions], mask);
    scores = graph.add("Add", [scores, name]);
  }
  const seen = graph.add("MatMul", [graph.add("Softmax", [scores], { axis: -1 }), v]);
  const rows = graph.add("Transpose", [seen], { perm: [0, 2, 1, 3] });
  const joined = graph.add("Reshape", [rows, graph.integers([0, positions, channels])]);
  return affine({ ...x, name: joined }, site, collect);
}
