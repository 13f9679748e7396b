// Everything the compiled module exports: one line per kernel file.

export * from "./memory";
export { gemm, gemmWorkspace } from "./gemm";
export { secondMoment, secondMomentWorkspace } from "./second_moment";
