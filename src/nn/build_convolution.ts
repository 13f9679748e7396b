/**
 * From a geometry to a convolution.
 *
 * @module
 */

import { depthwiseVerbs } from "../backend/wasm/depthwise/extension.ts";
import type { ConvGeometry } from "../core/geometry.ts";
import { groupsBlock } from "../curvature/blocks/groups_block.ts";
import { Convolution } from "./convolution.ts";
import { channelsOf } from "./example_shape.ts";
import { createParameter, type WeightPlan } from "./layer_parameter.ts";
import type { BuildContext, ExampleShape } from "./module.ts";

/**
 * A convolution with weights drawn for it.
 *
 * @param output Shape of an outgoing example, [locations of the geometry in some form, dOut].
 */
export function buildConvolution(
  context: BuildContext,
  geometry: ConvGeometry,
  output: ExampleShape,
  plan: Pick<WeightPlan, "init" | "trainable">,
): Convolution {
  const { kernel: [height, width], channels, groups = 1 } = geometry;
  const [area, outputs] = [height * width, channelsOf(output)];
  const inputs = area * channels / groups;
  if (groups > 1 && groups === channels) context.backend.extend(depthwiseVerbs);
  const block = groups > 1 ? groupsBlock : undefined;
  const parameter = createParameter(context, {
    ...plan,
    layer: { kind: "conv2d", geometry },
    outputs,
    inputs,
    fan: { in: inputs, out: area * outputs / groups },
  });
  return new Convolution(context.backend, context.name, parameter, geometry, output, block);
}
