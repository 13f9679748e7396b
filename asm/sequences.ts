// Everything the module of sequences exports, which only programs with such layers load: one line per kernel file.

export {
  attention,
  attentionGradient,
  attentionGradientWorkspace,
  attentionWorkspace,
} from "./attention";
export { rotatePairs } from "./rotate_pairs";
export { softmaxRows, softmaxRowsGradient } from "./row_softmax";
export { rowNorm, rowNormGradient, rowNormSums } from "./row_norm";
export { smoothActivation, smoothActivationGradient } from "./smooth_activation";
export { gatherRows, mergeRows, scatterRows } from "./table_rows";
