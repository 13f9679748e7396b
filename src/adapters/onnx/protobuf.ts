/**
 * The part of ONNX's protocol buffers that a model needs, written by the package `pbf`. Field numbers are those of
 * `onnx.proto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 *
 * @module
 */

import { PbfWriter } from "npm:pbf@5.1.2";

/** Numbers with a name and a shape. */
export interface OnnxTensor {
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** An attribute: an integer or several, or a number of single precision. */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

/** One operation. */
export interface OnnxNode {
  /** Its operator: `"MatMul"`. */
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** What comes in or goes out: a tensor whose first size is that of the batch. */
export interface OnnxPort {
  readonly name: string;
  readonly type: "float" | "int32";
  /** Sizes of one example. */
  readonly shape: readonly number[];
}

/** A model. */
export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** Version of the set of operators. */
  readonly operators: number;
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Of the file format; 9 came with the operators 20. */
const FORMAT = 9;

/** Numbers of element types. */
const ELEMENT = { float: 1, int32: 6, int64: 7 } as const;

/** Numbers of attribute types. */
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** The bytes of a file. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, FORMAT);
  pbf.writeStringField(2, "tekfac");
  pbf.writeMessage(7, writeGraph, model);
  pbf.writeMessage(8, (version: number, pbf) => pbf.writeVarintField(2, version), model.operators);
  for (const entry of Object.entries(model.metadata)) pbf.writeMessage(14, writeEntry, entry);
  return pbf.finish().slice();
}

function writeEntry([key, value]: [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeGraph({ nodes, tensors, inputs, outputs }: OnnxModel, pbf: PbfWriter): void {
  for (const node of nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, "model");
  for (const tensor of tensors) pbf.writeMessage(5, writeTensor, tensor);
  for (const port of inputs) pbf.writeMessage(11, writePort, port);
  for (const port of outputs) pbf.writeMessage(12, writePort, port);
}

function writeNode({ op, name, inputs, outputs, attributes }: OnnxNode, pbf: PbfWriter): void {
  for (const input of inputs) pbf.writeStringField(1, input);
  for (const output of outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, name);
  pbf.writeStringField(4, op);
  for (const entry of Object.entries(attributes)) pbf.writeMessage(5, writeAttribute, entry);
}

function writeAttribute([name, value]: [string, OnnxAttribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === "number") {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, ATTRIBUTE.int);
  } else if (typeof value === "string") {
    pbf.writeStringField(4, value);
    pbf.writeVarintField(20, ATTRIBUTE.string);
  } else if ("float" in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, ATTRIBUTE.float);
  } else {
    for (const item of value) pbf.writeVarintField(8, item);
    pbf.writeVarintField(20, ATTRIBUTE.ints);
  }
}

function writeTensor({ name, shape, data }: OnnxTensor, pbf: PbfWriter): void {
  for (const size of shape) pbf.writeVarintField(1, size);
  pbf.writeVarintField(2, data instanceof Float32Array ? ELEMENT.float : ELEMENT.int64);
  pbf.writeStringField(8, name);
  // Little endian, as every host of this library is.
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writePort({ name, type, shape }: OnnxPort, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (_: OnnxPort, pbf) => {
    pbf.writeMessage(1, writeTensorType, { type, shape });
  }, { name, type, shape });
}

function writeTensorType({ type, shape }: Omit<OnnxPort, "name">, pbf: PbfWriter): void {
  pbf.writeVarintField(1, ELEMENT[type]);
  pbf.writeMessage(2, writeShape, shape);
}

function writeShape(shape: readonly number[], pbf: PbfWriter): void {
  pbf.writeMessage(1, (name: string, pbf) => pbf.writeStringField(2, name), "examples");
  for (const size of shape) {
    pbf.writeMessage(1, (value: number, pbf) => pbf.writeVarintField(1, value), size);
  }
}
