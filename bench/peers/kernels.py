"""The compared work in NumPy and PyTorch.

Reads one JSON object per line and answers each with one:

  {"do": "prepare", "work": {...}, "inputs": [FILE, ...]}   -> {} or {"unable": REASON}
  {"do": "time", "runs": N}                                 -> {"milliseconds": per run}
  {"do": "result", "outputs": [FILE, ...]}                  -> {}

Files hold float32 numbers, row by row. Usage: kernels.py numpy|torch, with one thread; the first line
it writes tells {"name": ...}, or {"unable": REASON}.
"""

import json
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 (threads have to be limited first)

from blas import blas_name, stop_unless_fast  # noqa: E402


def to_channels_first(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


class NumPy:
    def __init__(self):
        np.linalg.eigh(np.eye(2, dtype=np.float32))
        self.name = f"NumPy {np.__version__}, {blas_name()}, 1 thread"

    def prepare(self, work, inputs):
        """A function without arguments that does the work and returns arrays."""
        if work["kind"] == "conv2d":
            return None
        arrays = [data.reshape(work["n"], work["n"]) for data in inputs]
        if work["kind"] == "gemm":
            return lambda: [arrays[0] @ arrays[1]]
        if work["kind"] == "eigh":
            return lambda: list(np.linalg.eigh(arrays[0]))
        return lambda: [np.linalg.inv(arrays[0])]

    def to_arrays(self, results, work):
        return results


class PyTorch:
    def __init__(self):
        import torch

        torch.set_num_threads(1)
        torch.linalg.eigh(torch.eye(2))
        self.torch = torch
        self.name = f"PyTorch {torch.__version__}, {blas_name()}, 1 thread"

    def prepare(self, work, inputs):
        """A function without arguments that does the work and returns tensors."""
        torch = self.torch
        if work["kind"] == "conv2d":
            arrays = [data.reshape(shape) for data, shape in zip(inputs, work["shapes"])]
            x, w, g = [torch.from_numpy(to_channels_first(array)) for array in arrays]
            x.requires_grad_()
            w.requires_grad_()

            def convolve():
                y = torch.nn.functional.conv2d(x, w, stride=work["stride"], padding=work["padding"])
                return [y.detach(), *torch.autograd.grad(y, (x, w), g)]

            return convolve
        tensors = [torch.from_numpy(data).reshape(work["n"], work["n"]) for data in inputs]
        if work["kind"] == "gemm":
            return lambda: [tensors[0] @ tensors[1]]
        if work["kind"] == "eigh":
            return lambda: list(torch.linalg.eigh(tensors[0]))
        return lambda: [torch.cholesky_inverse(torch.linalg.cholesky(tensors[0]))]

    def to_arrays(self, results, work):
        arrays = [result.numpy() for result in results]
        if work["kind"] == "conv2d":
            return [array.transpose(0, 2, 3, 1) for array in arrays]
        return arrays


def main():
    library = NumPy() if sys.argv[1] == "numpy" else PyTorch()
    stop_unless_fast()
    print(json.dumps({"name": library.name}), flush=True)
    work = run = results = None
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["do"] == "prepare":
            work = request["work"]
            inputs = [np.fromfile(file, dtype=np.float32) for file in request["inputs"]]
            run = library.prepare(work, inputs)
            if run is None:
                answer["unable"] = "has no such function"
        elif request["do"] == "time":
            start = time.perf_counter()
            for _ in range(request["runs"]):
                results = run()
            answer["milliseconds"] = 1000 * (time.perf_counter() - start) / request["runs"]
        else:
            for array, file in zip(library.to_arrays(results, work), request["outputs"]):
                np.ascontiguousarray(array, dtype=np.float32).tofile(file)
        print(json.dumps(answer), flush=True)


main()
