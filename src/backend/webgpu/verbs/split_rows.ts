/**
 * Matrices larger than a device binds: verbs run by rows, or by examples, so that every part fits. Sums
 * over the rows are continued with `decay` 1. What cannot be divided is left to fail where it is bound.
 *
 * @module
 */

import type { KroneckerCapture } from "../../../core/capture.ts";
import { locationsOf, type SlidingWindow } from "../../../core/geometry.ts";
import { columnsOf, type Matrix, rowsOf } from "../../../core/matrix.ts";
import type { Blend, GemmOptions, Verbs } from "../../backend.ts";
import type { Machine } from "../device/machine.ts";

/** A run of rows or examples, from the first (included) to the last (excluded). */
interface Run {
  readonly from: number;
  readonly to: number;
  /** The rows of a matrix that belong to it, `unit` to each of its examples. */
  rows(m: Matrix, unit?: number): Matrix;
  /** The same of a matrix with an entry for each row. */
  columns(m: Matrix, unit?: number): Matrix;
  /** How a sum over all rows begins, or goes on. */
  blend(blend?: Blend): Required<Blend>;
}

/** The same verbs, divided where a matrix does not fit into a binding. */
export function splitByRows(machine: Machine, verbs: Verbs): Verbs {
  const fits = (m: Matrix): boolean => machine.canBind(m);

  /** Calls `body` for runs of `count`, halved until what `parts` takes of the first one fits. */
  const inRuns = (
    count: number,
    parts: (run: Run) => readonly Matrix[],
    body: (run: Run) => void,
  ): void => {
    let size = count;
    while (size > 1 && !parts(runOf(0, size)).every(fits)) size = Math.ceil(size / 2);
    if (count === 0) return body(runOf(0, 0));
    for (let from = 0; from < count; from += size) body(runOf(from, Math.min(count, from + size)));
  };

  /** Calls `body` for runs of rows that all matrices share. */
  const byRows = (matrices: readonly Matrix[], body: (run: Run) => void): void =>
    inRuns(matrices[0].rows, ({ rows }) => matrices.map((m) => rows(m)), body);

  /** Calls `body` for runs of images, with the rows that a location takes of `others`. */
  const byImages = (
    window: SlidingWindow,
    images: readonly Matrix[],
    others: readonly Matrix[],
    body: (images: (m: Matrix) => Matrix, locations: (m: Matrix) => Matrix, run: Run) => void,
  ): void => {
    const [pixels, locations] = [window.height * window.width, locationsOf(window)];
    const parts = ({ rows }: Run) => [
      ...images.map((m) => rows(m, pixels)),
      ...others.map((m) => rows(m, locations)),
    ];
    inRuns(images[0].rows / pixels, parts, (run) => {
      body((m) => run.rows(m, pixels), (m) => run.rows(m, locations), run);
    });
  };

  const gemm = (c: Matrix, a: Matrix, b: Matrix, options: GemmOptions = {}): void => {
    const { transposeA = false, transposeB = false, beta = 0 } = options;
    if (!fits(c) || (!transposeA && !fits(a))) {
      // Columns of a transposed A span as much as all of it: it is divided next.
      const parts = ({ rows }: Run) => transposeA ? [rows(c)] : [rows(c), rows(a)];
      return inRuns(c.rows, parts, ({ from, to, rows }) => {
        const left = transposeA ? columnsOf(a, from, to) : rows(a);
        if (to - from === c.rows) verbs.gemm(c, a, b, options);
        else gemm(rows(c), left, b, options);
      });
    }
    if (transposeB && !fits(b)) {
      return byRows([b], ({ from, to, rows }) => {
        if (to - from === b.rows) verbs.gemm(c, a, b, options);
        else gemm(columnsOf(c, from, to), a, rows(b), options);
      });
    }
    const alongDepth = [...(transposeA ? [a] : []), ...(transposeB ? [] : [b])];
    if (alongDepth.every(fits)) return verbs.gemm(c, a, b, options);
    byRows(alongDepth, ({ from, to, rows, blend }) => {
      const left = transposeA ? rows(a) : columnsOf(a, from, to);
      const right = transposeB ? columnsOf(b, from, to) : rows(b);
      verbs.gemm(c, left, right, { ...options, beta: blend({ decay: beta }).decay });
    });
  };

  /** Calls `body` for runs of examples. */
  const byExamples = (
    capture: KroneckerCapture,
    body: (part: KroneckerCapture, run: Run) => void,
  ): void => {
    const { examples, outputGradients } = capture;
    const images = capture.kind === "dense" ? capture.inputs : capture.images;
    const [perExample, locations] = [images, outputGradients].map((m) => {
      return examples === 0 ? 0 : m.rows / examples;
    });
    const part = ({ rows, from, to }: Run): KroneckerCapture => {
      const common = {
        ...capture,
        examples: to - from,
        outputGradients: rows(outputGradients, locations),
      };
      return common.kind === "dense"
        ? { ...common, inputs: rows(images) }
        : { ...common, images: rows(images, perExample) };
    };
    const parts = ({ rows }: Run) => [rows(outputGradients, locations), rows(images, perExample)];
    inRuns(examples, parts, (run) => body(part(run), run));
  };

  return {
    ...verbs,
    gemm,
    squaredProjection: (theta, capture, basis, rest) =>
      byExamples(capture, (part, { blend }) => {
        verbs.squaredProjection(theta, part, basis, blend(rest));
      }),
    projectedMoments: (moments, capture, basis, rest) =>
      byExamples(capture, (part, { blend }) => {
        verbs.projectedMoments(moments, part, basis, blend(rest));
      }),
    secondMoment(c, x, { weights, ...rest } = {}) {
      byRows([x], ({ rows, columns, blend }) => {
        const weighted = weights && { weights: columns(weights) };
        verbs.secondMoment(c, rows(x), { ...weighted, ...blend(rest) });
      });
    },
    rowSquaredNorms: (out, x) =>
      byRows([x], ({ rows, columns }) => verbs.rowSquaredNorms(columns(out), rows(x))),
    rowDots: (out, x, y, rest) =>
      byRows([x, y], ({ rows, columns }) => verbs.rowDots(columns(out), rows(x), rows(y), rest)),
    scaleRows: (out, x, weights) =>
      byRows([out, x], ({ rows, columns }) => {
        verbs.scaleRows(rows(out), rows(x), columns(weights));
      }),
    stepProducts: (out, u, s, w) =>
      byRows([u, s, w], ({ from, rows }) => {
        if (from === 0) return verbs.stepProducts(out, rows(u), rows(s), rows(w));
        machine.scope(() => {
          const more = machine.temporary(1, 3);
          verbs.stepProducts(more, rows(u), rows(s), rows(w));
          verbs.axpby(out, 1, more, 1);
        });
      }),
    dampedDivide: (out, x, division) =>
      byRows([out, x, division.eigenvalues], ({ rows }) => {
        const eigenvalues = rows(division.eigenvalues);
        verbs.dampedDivide(rows(out), rows(x), { ...division, eigenvalues });
      }),
    conv2d: (out, images, weights, geometry) =>
      byImages(geometry, [images], [out], (pixels, locations) => {
        verbs.conv2d(locations(out), pixels(images), weights, geometry);
      }),
    conv2dDataGradient: (out, g, weights, geometry) =>
      byImages(geometry, [out], [g], (pixels, locations) => {
        verbs.conv2dDataGradient(pixels(out), locations(g), weights, geometry);
      }),
    conv2dWeightGradient: (out, images, g, geometry, rest) =>
      byImages(geometry, [images], [g], (pixels, locations, { blend }) => {
        verbs.conv2dWeightGradient(out, pixels(images), locations(g), geometry, blend(rest));
      }),
    patches: (out, images, geometry) =>
      byImages(geometry, [images], [out], (pixels, locations) => {
        verbs.patches(locations(out), pixels(images), geometry);
      }),
    patchSecondMoment(c, images, geometry, { weights, ...rest } = {}) {
      const unit = locationsOf(geometry);
      byImages(geometry, [images], [], (pixels, _, { columns, blend }) => {
        const weighted = weights && { weights: columns(weights, unit) };
        verbs.patchSecondMoment(c, pixels(images), geometry, { ...weighted, ...blend(rest) });
      });
    },
    patchSquaredNorms(out, images, geometry) {
      const unit = locationsOf(geometry);
      byImages(geometry, [images], [], (pixels, _, { columns }) => {
        verbs.patchSquaredNorms(columns(out, unit), pixels(images), geometry);
      });
    },
    pool: (kind, out, images, window) =>
      byImages(window, [images], [out], (pixels, locations) => {
        verbs.pool(kind, locations(out), pixels(images), window);
      }),
    poolGradient: (kind, out, images, pooled, g, window) =>
      byImages(window, [out, images], [pooled, g], (pixels, locations) => {
        const [image, small, gradient] = [pixels(images), locations(pooled), locations(g)];
        verbs.poolGradient(kind, pixels(out), image, small, gradient, window);
      }),
    rowNorm: (kind, out, x, weights, epsilon) =>
      byRows([out, x], ({ rows }) => verbs.rowNorm(kind, rows(out), rows(x), weights, epsilon)),
    rowNormSums(kind, out, x, g, epsilon) {
      const [examples, unit] = [out.rows / 2, 2 * x.rows / out.rows];
      const parts = ({ rows }: Run) => [rows(out, 2), rows(x, unit), rows(g, unit)];
      inRuns(examples, parts, ({ rows }) => {
        verbs.rowNormSums(kind, rows(out, 2), rows(x, unit), rows(g, unit), epsilon);
      });
    },
    rowNormGradient: (kind, out, x, g, weights, epsilon) =>
      byRows([out, x, g], ({ rows }) => {
        verbs.rowNormGradient(kind, rows(out), rows(x), rows(g), weights, epsilon);
      }),
    gatherRows: (out, table, tokens) =>
      byRows([out], ({ rows, columns }) => verbs.gatherRows(rows(out), table, columns(tokens))),
    scatterRows: (out, tokens, x, rest) =>
      byRows([x], ({ rows, columns, blend }) => {
        verbs.scatterRows(out, columns(tokens), rows(x), blend(rest));
      }),
    mergeRows(out, tokens, x, positions) {
      const parts = ({ rows }: Run) => [rows(out, positions), rows(x, positions)];
      inRuns(x.rows / positions, parts, ({ rows, columns }) => {
        const [own, from] = [columns(tokens, positions), rows(x, positions)];
        verbs.mergeRows(rows(out, positions), own, from, positions);
      });
    },
    attention(out, qkv, shape, mask, seeds) {
      const { positions } = shape;
      const parts = ({ rows }: Run) => [rows(out, positions), rows(qkv, positions)];
      inRuns(out.rows / positions, parts, (run) => {
        const [to, from] = parts(run);
        verbs.attention(to, from, shape, ...extras(run, positions, mask, seeds));
      });
    },
    rotatePairs(out, x, turns, columns) {
      const parts = ({ rows }: Run) => [rows(out, turns.rows), rows(x, turns.rows)];
      inRuns(x.rows / turns.rows, parts, (run) => {
        const [to, from] = parts(run);
        verbs.rotatePairs(to, from, turns, columns);
      });
    },
    softmax: (out, x) => byRows([out, x], ({ rows }) => verbs.softmax(rows(out), rows(x))),
    softmaxGradient: (out, y, g) =>
      byRows([out, y, g], ({ rows }) => verbs.softmaxGradient(rows(out), rows(y), rows(g))),
    attentionGradient(out, qkv, g, shape, mask, seeds) {
      const matrices = [out, qkv, g] as const;
      const parts = ({ rows }: Run) => matrices.map((m) => rows(m, shape.positions));
      inRuns(g.rows / shape.positions, parts, (run) => {
        const [to, from, gradient] = parts(run);
        const rest = extras(run, shape.positions, mask, seeds);
        verbs.attentionGradient(to, from, gradient, shape, ...rest);
      });
    },
    appendOnes: (out, x) => byRows([out, x], ({ rows }) => verbs.appendOnes(rows(out), rows(x))),
    activation: (kind, out, x) =>
      byRows([out, x], ({ rows }) => verbs.activation(kind, rows(out), rows(x))),
    activationGradient: (kind, out, y, g) =>
      byRows(
        [out, y, g],
        ({ rows }) => verbs.activationGradient(kind, rows(out), rows(y), rows(g)),
      ),
    axpby: (y, alpha, x, beta) =>
      byRows([y, x], ({ rows }) => verbs.axpby(rows(y), alpha, rows(x), beta)),
    takeStep: (w, rate, u, decay, columns) =>
      byRows([w, u], ({ rows }) => verbs.takeStep(rows(w), rate, rows(u), decay, columns)),
    squares: (out, x, blend) =>
      byRows([out, x], ({ rows }) => verbs.squares(rows(out), rows(x), blend)),
    adamDirection: (out, m, v, g, numbers) =>
      byRows([out, m, v, g], ({ rows }) => {
        verbs.adamDirection(rows(out), rows(m), rows(v), rows(g), numbers);
      }),
    dot: (out, x, y, rest) =>
      byRows([x, y], ({ rows, blend }) => verbs.dot(out, rows(x), rows(y), blend(rest))),
    sum: (out, x, rest) => byRows([x], ({ rows, blend }) => verbs.sum(out, rows(x), blend(rest))),
    zeroUnless: (x, flag) => byRows([x], ({ rows }) => verbs.zeroUnless(rows(x), flag)),
    allFinite: (out, x) =>
      byRows([x], ({ from, rows }) => {
        if (from === 0) return verbs.allFinite(out, rows(x));
        machine.scope(() => {
          const more = machine.temporary(1, 1);
          verbs.allFinite(more, rows(x));
          verbs.zeroUnless(out, more);
        });
      }),
  };
}

/** The mask and the seeds of a run of examples. */
function extras({ columns }: Run, positions: number, mask?: Matrix, seeds?: Matrix) {
  return [mask && columns(mask, positions), seeds && columns(seeds)] as const;
}

function runOf(from: number, to: number): Run {
  return {
    from,
    to,
    rows: (m, unit = 1) => rowsOf(m, unit * from, unit * to),
    columns: (m, unit = 1) => columnsOf(m, unit * from, unit * to),
    blend: ({ decay = 0, scale = 1 } = {}) => ({ decay: from === 0 ? decay : 1, scale }),
  };
}
