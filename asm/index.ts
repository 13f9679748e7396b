// Everything the compiled module exports: one line per kernel file.

export { activation, activationGradient } from "./activation";
export { choleskyInverse, choleskyWorkspace } from "./cholesky";
export { dampedDivide } from "./damped_divide";
export { adamDirection, appendOnes, axpby, squares } from "./elementwise";
export { eigh, eighByJacobi, eighWorkspace } from "./eigh";
export { gemm, gemmWorkspace } from "./gemm";
export {
  sigmoidLoss,
  sigmoidSampledGradient,
  softmaxLoss,
  softmaxSampledGradient,
  squaredLoss,
} from "./losses";
export { heapBase } from "./memory";
export { dot, rowSquaredNorms, sum, trace } from "./reductions";
export { rotateBack, rotateInto, rotateWorkspace } from "./rotate";
export { secondMoment, secondMomentWorkspace } from "./second_moment";
export {
  addSquares,
  squaredProjection,
  squaredProjectionWorkspace,
} from "./squared_projection";
