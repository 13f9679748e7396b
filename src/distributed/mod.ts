/**
 * Processes, threads and pages that train one model together.
 *
 * @experimental Names may still change.
 *
 * @module
 */

export type { Group, GroupOptions, Ticket, Traffic } from "./group.ts";
export type { Sendable, Summable } from "./numbers.ts";
export type { Summand } from "./packing.ts";
export type { Reduction, Stepping, Whole } from "./reduction.ts";
export { soloGroup } from "./solo_group.ts";
export { leaveRoom, threadGroup, type ThreadRoom, threadRoom } from "./thread_group.ts";
export { mpiGroup, type MpiOptions } from "./mpi/mpi_group.ts";
export type { Port } from "./port.ts";
export { bestWorkers, type Network, sharedSeconds, type SharedTask } from "./network.ts";
export type { Keepable, Keeping, Loan } from "./keeping.ts";
export type { MadeDirection, Working } from "./working.ts";
export type { Decomposition } from "./decomposition_seconds.ts";
export type { Directing, Layers } from "./layer_seconds.ts";
export type { SharedWork, Task } from "./shared_work.ts";
export { portGroup } from "./port_group.ts";
export { workerCounts, WorkerGrid, workersOf } from "./worker_grid.ts";
