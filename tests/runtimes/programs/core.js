/** The core by itself: all optimizers, their curvature and the WebAssembly backend, for models of one's own. */
export {
  adam,
  createBackend,
  ekfac,
  ExternalModel,
  kfac,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac";
