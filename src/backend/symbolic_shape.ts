/**
 * Shapes in letters, as the kernel table writes them: `"N h w, C"`.
 *
 * @module
 */

/** Values of the letters in one call. */
export type Sizes = Readonly<Record<string, number>>;

/** A letter (or one more than it, as in `d+1`) or a number in a product. */
export type Factor = string | number;

/** Both sides of a shape as products. */
export interface SymbolicShape {
  /** Factors of the number of rows. */
  readonly rows: readonly Factor[];
  /** Factors of the number of columns. */
  readonly cols: readonly Factor[];
}

/** Parses `"N h w, C"`. */
export function parseShape(text: string): SymbolicShape {
  const factorOf = (word: string): Factor => /^\d+$/.test(word) ? Number(word) : word;
  const [rows, cols] = text.split(", ").map((side) => side.split(" ").map(factorOf));
  return { rows, cols };
}

/** The number a factor stands for, `undefined` for a letter without a value. */
export function valueOfFactor(factor: Factor, sizes: Sizes): number | undefined {
  if (typeof factor === "number") return factor;
  const value = sizes[factor];
  return value === undefined && factor.endsWith("+1")
    ? sizes[letterOf(factor)] + 1 || undefined
    : value;
}

/** The letter of `d` and of `d+1`. */
export function letterOf(factor: string): string {
  return factor.replace("+1", "");
}

/** Rows and columns; NaN where a letter has no value. */
export function sidesOf({ rows, cols }: SymbolicShape, sizes: Sizes): [rows: number, cols: number] {
  const product = (factors: readonly Factor[]): number =>
    factors.reduce<number>((value, f) => value * (valueOfFactor(f, sizes) ?? NaN), 1);
  return [product(rows), product(cols)];
}
