// Everything the compiled module exports: one line per kernel file.

export * from "./memory";
