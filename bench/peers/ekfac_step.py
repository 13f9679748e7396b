"""EKFAC (George et al. 2018) in PyTorch, step by step as this library does it.

Momentum on the gradient, eigenvalues from per-example gradients, damping relative to their mean, KL
clip relative to the loss, averages seeded by their first observation. No loop over examples.

Reads one JSON object per line and answers each with one:

  {"layers": [...], "weights": [FILE, ...], "loss": NAME, "annealing": X,
   "batches": [{"inputs": FILE, "targets": FILE}, ...], "shape": [...]}     -> {"name": ...}
                                                                    or {"unable": REASON}
  {"batch": I, "kind": "ordinary" | "statistics" | "basis"} -> {"loss": X, "milliseconds": X}

Weights are [dOut, dIn + 1] with the bias last, convolutions in the order (channel, row, column).
Usage: ekfac_step.py THREADS.
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

FACTOR_DECAY = 0.95
EIGENVALUE_DECAY = 0.95
MOMENTUM = 0.9
TAU = 1.0
FLOOR = 1e-12
KAPPA = 1e-2
LEARNING_RATE = 1.0


class Block:
    """Curvature of one layer: factors A and B, their eigenvectors, eigenvalues measured in them."""

    def __init__(self, weights):
        d_out, d_in = weights.shape
        self.a = torch.zeros(d_in, d_in)
        self.b = torch.zeros(d_out, d_out)
        self.q_in = torch.eye(d_in)
        self.q_out = torch.eye(d_out)
        self.theta = torch.zeros(d_out, d_in)
        self.measured = False

    def observe_statistics(self, inputs, gradients, decay):
        """inputs [N, dIn', T] or [N, dIn'], gradients [N, dOut, T] or [N, dOut]."""
        examples = inputs.shape[0]
        locations = inputs.shape[2] if inputs.dim() == 3 else 1
        if inputs.dim() == 3:
            inputs = inputs.transpose(0, 1).flatten(1).T
            gradients = gradients.transpose(0, 1).flatten(1).T
        scale = (1 - decay) / examples
        self.a.addmm_(inputs.T, inputs, beta=decay, alpha=scale)
        self.b.addmm_(gradients.T, gradients, beta=decay, alpha=scale / locations)

    def refresh(self):
        """New eigenvectors; eigenvalues are carried over."""
        _, q_in = torch.linalg.eigh(self.a)
        _, q_out = torch.linalg.eigh(self.b)
        if self.measured:
            r_in = (q_in.T @ self.q_in).square_()
            r_out = (q_out.T @ self.q_out).square_()
            self.theta = r_out @ self.theta @ r_in.T
        self.q_in, self.q_out = q_in, q_out

    def observe_eigenvalues(self, inputs, gradients, decay):
        """theta = average of (Q_out^T G_n Q_in)^2."""
        examples = inputs.shape[0]
        scale = (1 - decay) / examples
        if inputs.dim() == 2:
            left = (gradients @ self.q_out).square_()
            right = (inputs @ self.q_in).square_()
            self.theta.addmm_(left.T, right, beta=decay, alpha=scale)
        else:
            per_example = torch.bmm(gradients, inputs.transpose(1, 2))
            rotated = (self.q_out.T @ (per_example @ self.q_in)).square_()
            self.theta.mul_(decay).add_(rotated.sum(0), alpha=scale)
        self.measured = True

    def precondition(self, gradient):
        """Q_out [(Q_out^T G Q_in) / (theta + lambda)] Q_in^T."""
        damping = TAU * self.theta.mean().clamp(min=FLOOR)
        coordinates = self.q_out.T @ gradient @ self.q_in
        return self.q_out @ (coordinates / (self.theta + damping)) @ self.q_in.T


class Model:
    """Layers in a row; keeps what curvature needs of the last forward pass."""

    def __init__(self, layers, weights):
        self.layers = layers
        self.weights = []
        self.biases = []
        files = iter(weights)
        for layer in layers:
            if layer["kind"] not in ("dense", "conv"):
                continue
            count = layer["units"] if layer["kind"] == "dense" else layer["channels"]
            matrix = torch.from_numpy(np.fromfile(next(files), dtype=np.float32)).view(count, -1)
            weight = matrix[:, :-1]
            if layer["kind"] == "conv":
                weight = weight.reshape(count, -1, 3, 3)
            self.weights.append(weight.clone(memory_format=torch.contiguous_format).requires_grad_())
            self.biases.append(matrix[:, -1].clone().requires_grad_())

    def forward(self, x):
        """Outputs, and (layer, inputs, outputs) of every layer with weights."""
        seen = []
        parameters = iter(zip(self.weights, self.biases))
        for layer in self.layers:
            kind = layer["kind"]
            if kind == "dense":
                weight, bias = next(parameters)
                inputs, x = x, F.linear(x, weight, bias)
                seen.append((layer, inputs.detach(), x))
            elif kind == "conv":
                weight, bias = next(parameters)
                inputs, x = x, F.conv2d(x, weight, bias, stride=layer["stride"], padding=1)
                seen.append((layer, inputs.detach(), x))
            elif kind == "relu":
                x = F.relu(x)
            elif kind == "tanh":
                x = torch.tanh(x)
            elif kind == "averagePool":
                x = F.avg_pool2d(x, layer["size"])
            else:
                x = x.flatten(1)
        return x, seen


def capture(layer, inputs, gradients):
    """Homogeneous inputs and output gradients of a layer."""
    if layer["kind"] == "dense":
        ones = inputs.new_ones(inputs.shape[0], 1)
        return torch.cat([inputs, ones], dim=1), gradients
    patches = F.unfold(inputs, 3, padding=1, stride=layer["stride"])
    ones = patches.new_ones(patches.shape[0], 1, patches.shape[2])
    return torch.cat([patches, ones], dim=1), gradients.flatten(2)


class Ekfac:
    def __init__(self, model, loss, annealing):
        self.model = model
        self.loss = loss
        self.annealing = annealing
        matrices = [
            torch.cat([w.detach().flatten(1), b.detach()[:, None]], dim=1)
            for w, b in zip(model.weights, model.biases)
        ]
        self.blocks = [Block(matrix) for matrix in matrices]
        self.averages = [torch.zeros_like(matrix) for matrix in matrices]
        self.average_weight = 0.0
        self.observed = False

    def step(self, inputs, targets, kind):
        examples = inputs.shape[0]
        outputs, seen = self.model.forward(inputs)
        if self.loss == "softmaxCrossEntropy":
            loss = F.cross_entropy(outputs, targets)
        else:
            loss = F.binary_cross_entropy_with_logits(outputs, targets, reduction="sum") / examples
        parameters = [*self.model.weights, *self.model.biases]
        signals = [] if kind == "ordinary" else [signal for _, _, signal in seen]
        gradients = torch.autograd.grad(loss, [*parameters, *signals])
        layers = len(self.blocks)
        with torch.no_grad():
            if kind != "ordinary":
                self.observe(seen, gradients[2 * layers:], kind)
            self.update(loss, gradients[:layers], gradients[layers:2 * layers])
        return loss

    def observe(self, seen, signals, kind):
        # Of each example's own loss, not of the mean.
        captures = [
            capture(layer, inputs, gradient * inputs.shape[0])
            for (layer, inputs, _), gradient in zip(seen, signals)
        ]
        factor_decay = FACTOR_DECAY if self.observed else 0.0
        eigenvalue_decay = EIGENVALUE_DECAY if self.observed else 0.0
        self.observed = True
        for block, (inputs, gradients) in zip(self.blocks, captures):
            block.observe_statistics(inputs, gradients, factor_decay)
        if kind == "basis":
            for block in self.blocks:
                block.refresh()
        for block, (inputs, gradients) in zip(self.blocks, captures):
            block.observe_eigenvalues(inputs, gradients, eigenvalue_decay)

    def update(self, loss, weight_gradients, bias_gradients):
        self.average_weight = MOMENTUM * self.average_weight + 1 - MOMENTUM
        inner = torch.zeros(())
        updates = []
        for i, block in enumerate(self.blocks):
            gradient = torch.cat([weight_gradients[i].flatten(1), bias_gradients[i][:, None]], dim=1)
            self.averages[i].mul_(MOMENTUM).add_(gradient, alpha=1 - MOMENTUM)
            source = self.averages[i] / self.average_weight
            direction = block.precondition(source)
            inner += (direction * source).sum()
            updates.append(direction)
        product = inner.item()
        clip = 1.0
        if product > 0:
            clip = min(1.0, math.sqrt(KAPPA * loss.item() / (LEARNING_RATE**2 * product)))
        rate = LEARNING_RATE * self.annealing * clip
        for weight, bias, update in zip(self.model.weights, self.model.biases, updates):
            weight.sub_(update[:, :-1].reshape(weight.shape), alpha=rate)
            bias.sub_(update[:, -1], alpha=rate)


def read_batch(files, shape, loss):
    inputs = np.fromfile(files["inputs"], dtype=np.float32).reshape(-1, *shape)
    if len(shape) == 3:
        inputs = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))
    targets = np.fromfile(files["targets"], dtype=np.float32)
    if loss == "softmaxCrossEntropy":
        return torch.from_numpy(inputs), torch.from_numpy(targets.astype(np.int64))
    return torch.from_numpy(inputs), torch.from_numpy(targets.reshape(inputs.shape[0], -1))


def main():
    setup = json.loads(sys.stdin.readline())
    stop_unless_fast()
    torch.set_num_threads(int(THREADS))
    batches = [read_batch(files, setup["shape"], setup["loss"]) for files in setup["batches"]]
    model = Model(setup["layers"], setup["weights"])
    optimizer = Ekfac(model, setup["loss"], setup["annealing"])
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    name = f"PyTorch {torch.__version__}, {blas_name()}, {threads} thread{plural}"
    print(json.dumps({"name": name}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        inputs, targets = batches[request["batch"]]
        start = time.perf_counter()
        loss = optimizer.step(inputs, targets, request["kind"]).item()
        milliseconds = 1000 * (time.perf_counter() - start)
        print(json.dumps({"loss": loss, "milliseconds": milliseconds}), flush=True)


main()
