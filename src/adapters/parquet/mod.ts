/**
 * Parquet files as the columns of a table, by the package `hyparquet`: 18 kB compressed, and without dependencies.
 *
 * @module
 */

export * from "./parse_parquet.ts";
