// Everything the module of depthwise convolutions exports, which only programs with such layers load: one line per
// kernel file.

export {
  depthwise,
  depthwiseDataGradient,
  depthwiseDataGradientWorkspace,
  depthwiseWorkspace,
} from "./depthwise_slide";
export {
  depthwiseSquares,
  depthwiseSquaresWorkspace,
  spreadGradient,
  spreadMoments,
  stackedGemm,
} from "./depthwise_stacks";
export {
  depthwiseExampleGradients,
  depthwiseExampleGradientsWorkspace,
  depthwiseMoments,
  depthwiseMomentsWorkspace,
} from "./depthwise_sums";
