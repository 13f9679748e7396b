export function divideAndConquerWorkspace(n: i32): usize { return 0; }
export function divideAndConquer(n: i32, vectors: usize, strideV: i32, values: usize, matrix: usize, strideM: i32, workspace: usize): bool { return false; }
