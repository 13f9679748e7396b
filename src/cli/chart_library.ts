/**
 * The charting library that the pages carry with them.
 *
 * @module
 */

import script from "npm:uplot@1.6.32/dist/uPlot.iife.min.js" with { type: "text" };
import style from "npm:uplot@1.6.32/dist/uPlot.min.css" with { type: "text" };
import type { ChartLibrary } from "../pages/page.ts";

/** uPlot (MIT licence, Leon Sorokin). */
export const chartLibrary: ChartLibrary = { script, style };
