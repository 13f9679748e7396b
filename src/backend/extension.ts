/**
 * Verbs apart from the others, so that a program which does not call them need not load them.
 *
 * @module
 */

import type { ConvGeometry } from "../core/geometry.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Verbs } from "./verbs.ts";

/** The address of a number in the memory of WebAssembly. */
export type Address = number & { readonly address: unique symbol };

/** What verbs that come later find on WebAssembly. */
export interface ExtensionHost {
  /** The functions of the extension's own module. */
  readonly exports: unknown;
  /** The verbs that are there. */
  readonly verbs: Pick<
    Verbs,
    | "activation"
    | "activationGradient"
    | "gaussNewtonGradient"
    | "gemm"
    | "loss"
    | "sampledLossGradient"
    | "conv2d"
    | "conv2dDataGradient"
    | "conv2dWeightGradient"
  >;
  /** Calls a kernel with the address of `bytes` bytes of workspace, 64-byte aligned. */
  withWorkspace(bytes: number, call: (workspace: Address) => void): void;
  /** Calls `body` with the address of the record that `asm/window.ts` describes. */
  withWindow(window: ConvGeometry, body: (address: Address) => void): void;
  /** Runs `body`; what it takes by {@linkcode ExtensionHost.temporary} is given back when it ends. */
  scope(body: () => void): void;
  /** A contiguous matrix of unspecified content, until the innermost scope ends. */
  temporary(rows: number, cols: number): Matrix;
  /** Sets all numbers of a contiguous matrix. */
  fill(m: Matrix, value: number): void;
}

/**
 * Verbs that WebAssembly has only where a program asks for them with `Backend.extend`; other backends, which
 * are loaded when they are needed, have all.
 */
export interface VerbExtension {
  /** Name of one of its functions: a module of the host that has it holds all of them. */
  readonly witness: string;
  /**
   * A module with its kernels, which imports memory 0 as `env.memory`.
   *
   * @param simd Which build.
   * @param pages Size of the memory where threads share it.
   */
  binary(simd: "relaxed" | "baseline", pages?: number): Uint8Array<ArrayBuffer>;
  /** The verbs, to be put in the place of those there are. */
  verbs(host: ExtensionHost): Partial<Verbs>;
}
