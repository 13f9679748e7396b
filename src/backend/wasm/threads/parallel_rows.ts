/**
 * Kernels whose results split by rows (or, where a matrix is one long row, by columns): elementwise
 * updates, and everything that treats the examples of a convolution or of an attention one by one.
 *
 * @module
 */

import {
  BYTES,
  type Kernel,
  type Kernels,
  type Parallel,
  piecesOf,
  wholeLines,
  WORK_PER_NUMBER,
} from "./parallel.ts";
import { evenRanges, type Range } from "./split.ts";
import { readWindow, type WindowSizes } from "./window_record.ts";

/** Numbers in a cache line: threads do not write to the same one. */
const LINE = 16;

/** Where elementwise kernels have their sizes and pointers; a pointer's row stride comes next. */
interface ElementwiseLayout {
  /** Argument that counts rows; columns come next. */
  readonly rows: number;
  /** Arguments that point to a matrix. */
  readonly pointers: readonly number[];
  /** Arguments that point to numbers per column, which all rows share. @default {none} */
  readonly shared?: readonly number[];
  /** Whether rows must stay whole. @default {false} */
  readonly whole?: boolean;
}

/** See the files of the same names in `asm/`. */
const ELEMENTWISE: Readonly<Record<string, ElementwiseLayout>> = {
  axpby: { rows: 0, pointers: [4, 6] },
  weightedSum: { rows: 0, pointers: [4, 6, 8] },
  takeStep: { rows: 0, pointers: [5, 7, 9], whole: true },
  squares: { rows: 0, pointers: [4, 6] },
  adamDirection: { rows: 0, pointers: [9, 11, 13, 15, 17, 19] },
  activation: { rows: 1, pointers: [3, 5] },
  activationGradient: { rows: 1, pointers: [3, 5, 7] },
  smoothActivation: { rows: 1, pointers: [3, 5] },
  smoothActivationGradient: { rows: 1, pointers: [3, 5, 7] },
  dampedDivide: { rows: 0, pointers: [4, 6, 8] },
  batchNorm: { rows: 0, pointers: [3, 5], shared: [7, 9] },
  batchNormGradient: { rows: 0, pointers: [4, 6, 8], shared: [10, 12, 14] },
  rowNorm: { rows: 0, pointers: [5, 7], whole: true },
  rowNormGradient: { rows: 0, pointers: [4, 6, 8], whole: true },
};

/** Where kernels of convolutions point to rows per example; the row stride comes next. */
interface ExamplesLayout {
  /** Arguments that point to images, `h w` rows per example. */
  readonly pixels: readonly number[];
  /** Arguments that point to outputs, T rows per example; 0 where there are none. */
  readonly locations: readonly number[];
  /** Arguments that point to a row per example. @default {none} */
  readonly rows?: readonly number[];
  /** Operations per example; `w` and the arguments of the call. */
  readonly work: (w: ReturnType<typeof readWindow>, args: readonly number[]) => number;
  /** The arguments of the call that those of its workspace are. @default {none needed} */
  readonly workspace?: (args: readonly number[]) => readonly number[];
}

/** Of kernels whose channels have a window of their own; outputs come third. */
const CHANNELWISE = {
  work: ({ locations, taps }: WindowSizes, [, , outputs]: readonly number[]) =>
    2 * locations * taps * outputs,
  workspace: ([window, examples, outputs]: readonly number[]) => [window, examples, outputs],
};

/** Windows come first, then the number of examples. */
const EXAMPLES: Readonly<Record<string, ExamplesLayout>> = {
  conv2d: {
    pixels: [5],
    locations: [3],
    work: ({ locations, depth }, [, , outputs]) => 2 * locations * depth * outputs,
    workspace: ([window, examples, outputs]) => [window, examples, outputs],
  },
  conv2dDataGradient: {
    pixels: [3],
    locations: [5],
    work: ({ locations, depth }, [, , outputs]) => 2 * locations * depth * outputs,
    workspace: ([window, examples, outputs]) => [window, examples, outputs],
  },
  depthwise: { ...CHANNELWISE, pixels: [5], locations: [3] },
  depthwiseDataGradient: { ...CHANNELWISE, pixels: [3], locations: [5] },
  depthwiseExampleGradients: { ...CHANNELWISE, pixels: [5], locations: [7], rows: [3] },
  depthwiseMoments: {
    ...CHANNELWISE,
    pixels: [5],
    locations: [7],
    rows: [3],
    work: ({ locations, taps }, [, , channels]) => locations * channels * taps * taps,
  },
  patches: {
    pixels: [4],
    locations: [2],
    work: ({ locations, depth }) => WORK_PER_NUMBER * locations * depth,
  },
  pool: {
    pixels: [5],
    locations: [3],
    work: ({ locations, depth }) => WORK_PER_NUMBER * locations * depth,
  },
  poolGradient: {
    pixels: [3, 5],
    locations: [7, 9],
    work: ({ locations, depth }) => WORK_PER_NUMBER * locations * depth,
  },
};

/** Where attentions point to T rows per example; examples, positions, channels and heads come first. */
interface SequencesLayout {
  readonly pointers: readonly number[];
  /** Where the mask is, T numbers per example, or 0; behind it the seeds, one per example, or 0. */
  readonly mask: number;
  /** Operations per pair of positions and channel. */
  readonly work: number;
}

/** See `asm/attention.ts`. */
const SEQUENCES: Readonly<Record<string, SequencesLayout>> = {
  attention: { pointers: [5, 7], mask: 9, work: 4 },
  attentionGradient: { pointers: [5, 7, 9], mask: 11, work: 10 },
};

/** Names of the kernels that tasks of this topic call. */
export const ROW_KERNELS: readonly string[] = [
  ...Object.keys(ELEMENTWISE),
  ...Object.keys(EXAMPLES),
  ...Object.keys(SEQUENCES),
];

/** The parallel kernels of this topic among those of a module. */
export function parallelRows(parallel: Parallel, memory: WebAssembly.Memory): Kernels {
  const { pool, kernels } = parallel;
  const there = <T>(layouts: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
    Object.entries(layouts).filter(([name]) => name in kernels);
  const elementwise = there(ELEMENTWISE).map(([name, layout]) =>
    [name, parallelElementwise(parallel, name, layout)] as const
  );
  const examples = there(EXAMPLES).map(([name, layout]) =>
    [name, parallelExamples(parallel, memory, name, layout)] as const
  );
  const sequences = there(SEQUENCES).map(([name, layout]) =>
    [name, parallelSequences(parallel, name, layout)] as const
  );
  const withRoom = [...examples, ...sequences].map(([name]) => name)
    .filter((name) => `${name}Workspace` in kernels);
  const workspaces = withRoom.map((name): [string, Kernel] => {
    const serial = kernels[`${name}Workspace`];
    return [`${name}Workspace`, (...args) => pool.threads * wholeLines(serial(...args))];
  });
  return Object.fromEntries([...elementwise, ...examples, ...sequences, ...workspaces]);
}

function parallelElementwise(
  { pool, kernels }: Parallel,
  name: string,
  { rows: place, pointers, shared = [], whole = false }: ElementwiseLayout,
): Kernel {
  const serial = kernels[name];
  return (...args) => {
    const [rows, cols] = [args[place], args[place + 1]];
    const work = WORK_PER_NUMBER * rows * cols * pointers.length;
    if (work < pool.grain) return serial(...args);
    const byRows = whole || rows >= pool.threads;
    const ranges = byRows
      ? evenRanges(rows, pool.threads, 1)
      : evenRanges(cols, pool.threads, LINE);
    const tasks = ranges.map(([from, to]) => {
      const task = [...args];
      task[place + (byRows ? 0 : 1)] = to - from;
      for (const p of pointers) task[p] += BYTES * from * (byRows ? args[p + 1] : 1);
      for (const p of shared) task[p] += BYTES * (byRows ? 0 : from);
      return task;
    });
    pool.run({ kernel: name, tasks }, work);
    return 0;
  };
}

function parallelExamples(
  { pool, kernels }: Parallel,
  memory: WebAssembly.Memory,
  name: string,
  layout: ExamplesLayout,
): Kernel {
  const serial = kernels[name];
  return (...args) => {
    const examples = args[1];
    const w = readWindow(memory, args[0]);
    const work = examples * layout.work(w, args);
    if (work < pool.grain || examples < 2) return serial(...args);
    const taskOf = ([from, to]: Range): number[] => {
      const task = [...args];
      task[1] = to - from;
      for (const p of layout.pixels) task[p] += BYTES * from * w.pixels * args[p + 1];
      for (const p of layout.locations) {
        if (args[p] !== 0) task[p] += BYTES * from * w.locations * args[p + 1];
      }
      for (const p of layout.rows ?? []) task[p] += BYTES * from * args[p + 1];
      return task;
    };
    const tasks = evenRanges(examples, piecesOf(work, pool), 1).map(taskOf);
    if (layout.workspace === undefined) {
      pool.run({ kernel: name, tasks }, work);
      return 0;
    }
    const workspace = args[args.length - 1];
    for (const task of tasks) task.pop();
    const bytes = kernels[`${name}Workspace`](...layout.workspace(args));
    pool.run({ kernel: name, tasks, workspace, workspaceBytes: wholeLines(bytes) }, work);
    return 0;
  };
}

function parallelSequences(
  { pool, kernels }: Parallel,
  name: string,
  { pointers, mask, work: each }: SequencesLayout,
): Kernel {
  const serial = kernels[name];
  return (...args) => {
    const [examples, positions, channels, heads] = args;
    const work = each * examples * positions * positions * channels;
    if (work < pool.grain || examples < 2) return serial(...args);
    const tasks = evenRanges(examples, piecesOf(work, pool), 1).map(([from, to]) => {
      const task = args.slice(0, -1);
      task[0] = to - from;
      for (const p of pointers) task[p] += BYTES * from * positions * args[p + 1];
      if (args[mask] !== 0) task[mask] += BYTES * from * positions;
      if (args[mask + 1] !== 0) task[mask + 1] += BYTES * from;
      return task;
    });
    const workspace = args[args.length - 1];
    const workspaceBytes = wholeLines(kernels[`${name}Workspace`](positions, channels / heads));
    pool.run({ kernel: name, tasks, workspace, workspaceBytes }, work);
    return 0;
  };
}
