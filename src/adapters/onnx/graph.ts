/**
 * A graph of ONNX operations in the making.
 *
 * @module
 */

import type { ExampleShape } from "../../nn/module.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "./protobuf.ts";

/** What an operation gives. */
export interface Value {
  readonly name: string;
  /** Shape of one example, channels last. */
  readonly shape: ExampleShape;
  /** Whether images lie in the order that ONNX's convolutions take, [examples, channels, height, width]. */
  readonly channelsFirst: boolean;
}

/** Collects operations and constants. */
export class GraphBuilder {
  /** Operations in an order in which they can run. */
  readonly nodes: OnnxNode[] = [];
  /** Weights and other constants. */
  readonly tensors: OnnxTensor[] = [];

  /**
   * Adds an operation of one output.
   *
   * @returns The output's name.
   */
  add(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output = `${op}_${this.nodes.length}`,
  ): string {
    this.nodes.push({ op, name: output, inputs, outputs: [output], attributes });
    return output;
  }

  /** Adds an operation of several outputs; their names. */
  addSplit(op: string, inputs: readonly string[], axis: number, parts: number): string[] {
    const name = `${op}_${this.nodes.length}`;
    const outputs = Array.from({ length: parts }, (_, i) => `${name}_${i}`);
    this.nodes.push({ op, name, inputs, outputs, attributes: { axis, num_outputs: parts } });
    return outputs;
  }

  /** Adds constants, unless a layer that comes again has added them; their name. */
  floats(name: string, shape: readonly number[], numbers: ArrayLike<number>): string {
    if (this.tensors.some((tensor) => tensor.name === name)) return name;
    this.tensors.push({ name, shape, data: Float32Array.from(numbers) });
    return name;
  }

  /** Adds one constant for its own sake. */
  float(value: number): string {
    return this.floats(`constant_${this.tensors.length}`, [], [value]);
  }

  /** Adds integers, as shapes and axes are given. */
  integers(numbers: readonly number[], shape: readonly number[] = [numbers.length]): string {
    const name = `integers_${this.tensors.length}`;
    this.tensors.push({ name, shape, data: BigInt64Array.from(numbers, BigInt) });
    return name;
  }

  /** The same with channels last: how rows and sequences lie, and images outside convolutions. */
  channelsLast(value: Value): Value {
    if (!value.channelsFirst) return value;
    const name = this.add("Transpose", [value.name], { perm: [0, 2, 3, 1] });
    return { ...value, name, channelsFirst: false };
  }

  /** The same with channels first; of images only. */
  channelsFirst(value: Value): Value {
    if (value.channelsFirst) return value;
    const name = this.add("Transpose", [value.name], { perm: [0, 3, 1, 2] });
    return { ...value, name, channelsFirst: true };
  }
}
