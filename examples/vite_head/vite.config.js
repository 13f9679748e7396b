import { headers } from "./headers.js";

const { "Content-Security-Policy": _, ...isolation } = headers;

export default {
  // The development server puts scripts of its own into the page.
  server: { headers: isolation },
  preview: { headers },
  // Kernels that are not needed at once are in files of their own.
  worker: { format: "es" },
};
