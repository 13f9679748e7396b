/** A page that predicts with a kept model, and trains nothing. */
import { loadPredictor } from "@tekfac/tekfac/predict";

const predictor = await loadPredictor("https://example.org/model.safetensors");
console.log(predictor.predictOne([1, 2, 3]).label);
