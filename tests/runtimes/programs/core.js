/** The core by itself: the six optimizers, their curvature and the WebAssembly backend, for models of one's own. */
export {
  adam,
  createBackend,
  ekfac,
  ExternalModel,
  kfac,
  loadState,
  saveState,
  sgd,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
