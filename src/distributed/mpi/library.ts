/**
 * Finds an MPI library, of the family whose launcher has started this process.
 *
 * @module
 */

import { GroupError } from "../../core/errors.ts";
import { families, type Family, type Handle, type HandleName } from "./family.ts";

/** The functions that are used, `h` standing for the family's handles. */
const FUNCTIONS = {
  MPI_Init_thread: ["pointer", "pointer", "i32", "buffer"],
  MPI_Initialized: ["buffer"],
  MPI_Finalize: [],
  MPI_Comm_set_errhandler: ["h", "h"],
  MPI_Comm_rank: ["h", "buffer"],
  MPI_Comm_size: ["h", "buffer"],
  MPI_Iallreduce: ["pointer", "buffer", "i32", "h", "h", "h", "buffer"],
  MPI_Ibcast: ["buffer", "i32", "h", "i32", "h", "buffer"],
  MPI_Iallgatherv: ["buffer", "i32", "h", "buffer", "buffer", "buffer", "h", "h", "buffer"],
  MPI_Ialltoallv: [
    ...["buffer", "buffer", "buffer", "h"] as const,
    ...["buffer", "buffer", "buffer", "h", "h", "buffer"] as const,
  ],
  MPI_Isend: ["buffer", "i32", "h", "i32", "i32", "h", "buffer"],
  MPI_Recv: ["buffer", "i32", "h", "i32", "i32", "h", "pointer"],
  MPI_Iprobe: ["i32", "i32", "h", "buffer", "buffer"],
  MPI_Test: ["buffer", "buffer", "pointer"],
  MPI_Error_string: ["i32", "buffer", "buffer"],
  MPI_Get_library_version: ["buffer", "buffer"],
} as const;

/** Name of a function. */
type FunctionName = keyof typeof FUNCTIONS;

/** A library that has been loaded. */
export interface MpiLibrary {
  /** Its family. */
  readonly family: Family;
  /** Where it was found. */
  readonly path: string;
  /** What stands for what. */
  readonly handles: Readonly<Record<HandleName, Handle>>;
  /** Calls a function; the result is its error code. */
  readonly call: (name: FunctionName, ...args: readonly unknown[]) => number;
}

/** Ranks that a launcher has started, as its environment says. */
export interface Launch {
  /** Its family. */
  readonly family: Family;
  /** The variable that says so. */
  readonly variable: string;
  /** How many. */
  readonly size: number;
}

/** What Deno needs to know of a function, or of an address. */
type Signature = { readonly parameters: readonly string[]; readonly result: "i32" } | {
  readonly type: "pointer";
};

/**
 * Loads a library of the family whose launcher has started this process, or of any where none has.
 *
 * @param path Where it is, where it shall not be looked for.
 * @throws {GroupError} When there is none, or none of that family.
 */
export function loadMpi(path?: string): { library: MpiLibrary; launch: Launch | undefined } {
  if (typeof Deno === "undefined" || typeof Deno.dlopen !== "function") {
    throw new GroupError("Cannot use MPI: only Deno can call its library, with --allow-ffi");
  }
  const launch = findLaunch();
  const wanted = launch === undefined ? families : [launch.family];
  const tried: string[] = [];
  for (const family of wanted) {
    for (const name of path === undefined ? family.libraries : [path]) {
      const library = open(name, family);
      if (library !== undefined) return { library, launch };
      tried.push(name);
    }
  }
  const whose = launch === undefined
    ? "Open MPI or MPICH"
    : `${launch.family.name}, whose launcher has started this process (${launch.variable}=${launch.size})`;
  throw new GroupError(
    `Cannot use MPI: found no library of ${whose}; tried ${
      [...new Set(tried)].join(", ")
    }. Install ` +
      `${
        launch?.family === families[1] ? "mpich" : "openmpi-bin"
      }, or say where it is: mpiGroup({ library: "..." })`,
  );
}

/** A library, if there is one of this name and family. */
function open(path: string, family: Family): MpiLibrary | undefined {
  const own = (type: string) => type === "h" ? family.handle : type;
  const signatures: Record<string, Signature> = {};
  for (const [name, parameters] of Object.entries(FUNCTIONS)) {
    signatures[name] = { parameters: parameters.map(own), result: "i32" };
  }
  for (const symbol of Object.values(family.handles)) {
    if (typeof symbol === "string") signatures[symbol] = { type: "pointer" };
  }
  // Of the other family it has no such symbols, or has them in a library of the same name.
  if (typeof family.handles.world === "number" && has(path, "ompi_mpi_comm_world")) {
    return undefined;
  }
  const loaded = load(path, signatures);
  if (loaded === undefined) return undefined;
  const { symbols } = loaded;
  const handles = Object.fromEntries(
    Object.entries(family.handles).map(([name, handle]) => [
      name,
      typeof handle === "string" ? symbols[handle] : handle,
    ]),
  ) as Record<HandleName, Handle>;
  const call = (name: FunctionName, ...args: readonly unknown[]): number =>
    (symbols[name] as (...args: readonly unknown[]) => number)(...args);
  return { family, path, handles, call };
}

function has(path: string, symbol: string): boolean {
  const found = load(path, { [symbol]: { type: "pointer" } });
  found?.close();
  return found !== undefined;
}

function load(
  path: string,
  signatures: Readonly<Record<string, Signature>>,
): { readonly symbols: Readonly<Record<string, unknown>>; close(): void } | undefined {
  try {
    return Deno.dlopen(path, signatures as unknown as Deno.ForeignLibraryInterface);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      const reason = "Cannot use MPI: calling its library takes the permission --allow-ffi";
      throw new GroupError(reason, { cause: error });
    }
    return undefined;
  }
}

/** What the environment says, read by a function of the C library: no permission besides that for MPI. */
function findLaunch(): Launch | undefined {
  const signature: Record<string, Signature> = {
    getenv: { parameters: ["buffer"], result: "pointer" as "i32" },
  };
  const c = load("libc.so.6", signature) ?? load("libSystem.dylib", signature);
  if (c === undefined) return undefined;
  const getenv = c.symbols.getenv as (name: Uint8Array) => Deno.PointerValue;
  try {
    for (const family of families) {
      for (const variable of family.sizeVariables) {
        const value = getenv(new TextEncoder().encode(`${variable}\0`));
        if (value === null) continue;
        const size = Number(Deno.UnsafePointerView.getCString(value));
        if (size >= 1) return { family, variable, size };
      }
    }
    return undefined;
  } finally {
    c.close();
  }
}
