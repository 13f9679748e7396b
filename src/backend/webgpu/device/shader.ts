/**
 * What the generated module says of a kernel.
 *
 * @module
 */

/** Types of the fields of a kernel's `Params`. */
export type FieldType = "u32" | "i32" | "f32";

/**
 * A kernel of `kernels/`, as `tools/build_shaders.ts` read it.
 *
 * @typeParam B Names of its storage bindings.
 * @typeParam P Fields of its `Params` that the caller gives. The others follow from a binding: `cOffset`
 * and `cStride` from the matrix bound as `c`; `alphaHeld`, `alphaOffset` and `alphaNumber` from the
 * scalar `alpha`.
 */
export interface Shader<B extends string, P extends string> {
  /** Name of the file, without its extension. */
  readonly name: string;
  /** WGSL with lines `//! include name`. */
  readonly source: string;
  /** Storage bindings in the order of their numbers, from 1; 0 is `Params`. */
  readonly bindings: readonly { readonly name: B; readonly written: boolean }[];
  /** Fields of `Params` in order. */
  readonly fields: readonly (readonly [name: string, type: FieldType])[];
  /** Names of its `override` constants. */
  readonly overrides: readonly string[];
  /** Never set: holds the type parameter. */
  readonly numbers?: readonly P[];
}

/** A shader whose names do not matter. */
export type AnyShader = Shader<string, string>;

/** Values of `override` constants. */
export type Overrides = Readonly<Record<string, number | boolean>>;

/** Shared texts by the names whose place they take: `{ tiles: "tiles_small" }`. */
export type Texts = Readonly<Record<string, string>>;
