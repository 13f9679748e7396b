/**
 * The two families of MPI libraries. The standard says what functions do, not how they are called from a program
 * that was compiled without their header: in one family a communicator is the address of a symbol, in the other a
 * number.
 *
 * @module
 */

/** What stands for a communicator, a type, an operation. */
export type Handle = Deno.PointerValue | number;

/** A family of libraries: what a compiled program would have from its header. */
export interface Family {
  /** Its name. */
  readonly name: "Open MPI" | "MPICH";
  /** Names that its library goes by, as the loader finds them. */
  readonly libraries: readonly string[];
  /** How handles are handed over. */
  readonly handle: "pointer" | "i32";
  /** The handles that are needed: names of symbols whose addresses they are, or numbers. */
  readonly handles: Readonly<Record<HandleName, string | number>>;
  /** Addresses that mean "in place" and "no status". */
  readonly inPlace: bigint;
  readonly ignoreStatus: bigint;
  /** Means a message from anybody. */
  readonly anySource: number;
  /** Where a status has its source, counted in 32-bit words. */
  readonly sourceAt: number;
  /** Environment variables of its launcher: how many ranks there are. */
  readonly sizeVariables: readonly string[];
}

/** What handles are needed. */
export type HandleName = "world" | "byte" | "float" | "double" | "sum" | "returnErrors";

/** Open MPI (mpi.h of 4.1 and 5.0). */
const openMpi: Family = {
  name: "Open MPI",
  libraries: ["libmpi.so.40", "libmpi.so", "libmpi.40.dylib", "libmpi.dylib"],
  handle: "pointer",
  handles: {
    world: "ompi_mpi_comm_world",
    byte: "ompi_mpi_byte",
    float: "ompi_mpi_float",
    double: "ompi_mpi_double",
    sum: "ompi_mpi_op_sum",
    returnErrors: "ompi_mpi_errors_return",
  },
  inPlace: 1n,
  ignoreStatus: 0n,
  anySource: -1,
  sourceAt: 0,
  sizeVariables: ["OMPI_COMM_WORLD_SIZE"],
};

/** MPICH, and what has its binary interface, such as Intel MPI and MVAPICH (mpi.h of 3.1 and later). */
const mpich: Family = {
  name: "MPICH",
  libraries: ["libmpich.so.12", "libmpi.so.12", "libmpich.so", "libmpich.12.dylib"],
  handle: "i32",
  handles: {
    world: 0x44000000,
    byte: 0x4c00010d,
    float: 0x4c00040a,
    double: 0x4c00080b,
    sum: 0x58000003,
    returnErrors: 0x54000001,
  },
  // -1 as an address.
  inPlace: 2n ** 64n - 1n,
  ignoreStatus: 1n,
  anySource: -2,
  sourceAt: 2,
  sizeVariables: ["PMI_SIZE"],
};

/** Both. */
export const families: readonly Family[] = [openMpi, mpich];
