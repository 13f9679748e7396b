/**
 * How good predictions are.
 *
 * @module
 */

export { auc } from "./auc.ts";
export { mae, r2, rmse } from "./errors_of_numbers.ts";
export { f1 } from "./f1.ts";
export { type Metric } from "./metric.ts";
export { perplexity } from "./perplexity.ts";
export { accuracy, topK } from "./top_k.ts";
