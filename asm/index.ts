// Everything the module of kernels exports: one line per kernel file. Those of
// sequences are in `sequences.ts`; `batch_norm.ts` and `density_losses.ts` are modules of their own.

export { activation, activationGradient } from "./activation";
export { choleskyInverse, choleskyWorkspace } from "./cholesky";
export { conv2d, conv2dWorkspace } from "./conv2d";
export { conv2dDataGradient, conv2dDataGradientWorkspace } from "./conv2d_data_gradient";
export {
  conv2dExampleGradients,
  conv2dExampleGradientsWorkspace,
  conv2dWeightGradient,
  conv2dWeightGradientWorkspace,
} from "./conv2d_weight_gradient";
export { dampedDivide } from "./damped_divide";
export { adamDirection, appendOnes, axpby, scaleRows, squares, takeStep, weightedSum } from "./elementwise";
export { eigh, eighWorkspace } from "./eigh";
export { gemm, gemmWorkspace } from "./gemm";
export {
  sigmoidCurvatureGradient,
  sigmoidLoss,
  sigmoidSampledGradient,
  softmaxCurvatureGradient,
  softmaxLoss,
  softmaxSampledGradient,
  squaredLoss,
} from "./losses";
export { lowRankFactors, lowRankUpdate, lowRankUpdateWorkspace } from "./low_rank_divide";
export { heapBase } from "./memory";
export { patchSecondMoment, patchSecondMomentWorkspace } from "./patch_second_moment";
export { patches, patchSquaredNorms, patchSquaredNormsWorkspace } from "./patches";
export { pool, poolGradient } from "./pool";
export { dot, rowDots, rowSquaredNorms, stepProducts, sum, trace } from "./reductions";
export { projectedMoments, projectedMomentsWorkspace } from "./projected_moments";
export { multiplyAdds, PEAK_OPERATIONS } from "./peak";
export { rotateBack, rotateInto, rotateWorkspace } from "./rotate";
export { secondMoment, secondMomentColumns, secondMomentWorkspace } from "./second_moment";
export {
  addSquares,
  squaredProjection,
  squaredProjectionWorkspace,
} from "./squared_projection";
