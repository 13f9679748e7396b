"""Steps on a causal transformer in PyTorch, as this library's gpt() with adam() or sgd() takes them.

Reads one JSON object per line and answers each with one:

  {"layers": L, "heads": H, "weights": [{"file": FILE, "shape": [R, C]}, ...], "context": T,
   "batches": [{"inputs": FILE, "targets": FILE}, ...],
   "clip": X, "lr": X, and for AdamW "betas": [X, X], "decay": X, or for SGD "momentum": X}
                                                                       -> {"name": ...}
                                                                    or {"unable": REASON}
  {"batch": I}                                              -> {"loss": X, "milliseconds": X}

Weights: tables of tokens and positions; of each block scales over shifts, queries, keys and values, the projection
out, scales over shifts, two dense layers; scales over shifts; the head. Biases are the last column.
Usage: gpt_step.py THREADS.
"""

import json
import math
import os
import sys
import time

THREADS = sys.argv[1]
# A BLAS with threads of its own does not ask PyTorch how many there should be.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = THREADS

import numpy as np  # noqa: E402 (threads have to be limited first)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from blas import blas_name, stop_unless_fast  # noqa: E402


class Model:
    def __init__(self, setup):
        self.layers, self.heads = setup["layers"], setup["heads"]
        matrices = [
            torch.from_numpy(np.fromfile(w["file"], dtype=np.float32)).view(*w["shape"])
            for w in setup["weights"]
        ]
        self.decayed, self.kept = [], []
        last = len(matrices) - 1
        self.parameters = [
            self.whole(m) if i < 2 or i == last
            else self.norm(m) if i == last - 1 or (i - 2) % 6 in (0, 3)
            else self.dense(m)
            for i, m in enumerate(matrices)
        ]
        context = setup["context"]
        self.mask = torch.ones(context, context).triu(1).bool()

    def leaf(self, values, group):
        group.append(values.clone(memory_format=torch.contiguous_format).requires_grad_())
        return group[-1]

    def whole(self, matrix):
        return self.leaf(matrix, self.decayed)

    def norm(self, matrix):
        return self.leaf(matrix[0], self.kept), self.leaf(matrix[1], self.kept)

    def dense(self, matrix):
        return self.leaf(matrix[:, :-1], self.decayed), self.leaf(matrix[:, -1], self.kept)

    def forward(self, tokens):
        token_rows, position_rows, *rest = self.parameters
        width = token_rows.shape[1]
        x = F.embedding(tokens, token_rows) + position_rows[: tokens.shape[1]]
        for layer in range(self.layers):
            norm1, qkv, out, norm2, up, down = rest[6 * layer : 6 * layer + 6]
            x = x + F.linear(self.attention(F.linear(F.layer_norm(x, (width,), *norm1), *qkv)), *out)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (width,), *norm2), *up)), *down)
        norm, head = rest[-2:]
        return F.linear(F.layer_norm(x, (width,), *norm), head)

    def attention(self, qkv):
        count, positions, channels = qkv.shape
        q, k, v = (
            part.view(count, positions, self.heads, -1).transpose(1, 2)
            for part in qkv.split(channels // 3, dim=2)
        )
        scores = (q @ k.transpose(2, 3)) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(self.mask[:positions, :positions], -math.inf).softmax(-1)
        return (weights @ v).transpose(1, 2).reshape(count, positions, -1)


def read_batch(files, context):
    read = lambda file: torch.from_numpy(np.fromfile(file, dtype=np.float32).astype(np.int64))
    return read(files["inputs"]).view(-1, context), read(files["targets"])


def make_optimizer(setup, model):
    lr = setup["lr"]
    if "momentum" in setup:
        return torch.optim.SGD([*model.decayed, *model.kept], lr=lr, momentum=setup["momentum"], foreach=True)
    groups = [
        {"params": model.decayed, "weight_decay": setup["decay"]},
        {"params": model.kept, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=tuple(setup["betas"]), foreach=True)


def main():
    setup = json.loads(sys.stdin.readline())
    stop_unless_fast()
    torch.set_num_threads(int(THREADS))
    batches = [read_batch(files, setup["context"]) for files in setup["batches"]]
    model = Model(setup)
    optimizer = make_optimizer(setup, model)
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    name = f"PyTorch {torch.__version__}, {blas_name()}, {threads} thread{plural}"
    print(json.dumps({"name": name}), flush=True)
    for line in sys.stdin:
        inputs, targets = batches[json.loads(line)["batch"]]
        start = time.perf_counter()
        loss = F.cross_entropy(model.forward(inputs).flatten(0, 1), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*model.decayed, *model.kept], setup["clip"])
        optimizer.step()
        milliseconds = 1000 * (time.perf_counter() - start)
        print(json.dumps({"loss": loss.item(), "milliseconds": milliseconds}), flush=True)


main()
