/**
 * PyTorch as Debian builds it; `../peers/gpt_step.py` is the other side.
 *
 * @module
 */

import { textRecipe } from "@tekfac/tekfac/training";
import { Exchange, findPython, PythonProcess } from "../peers/python_process.ts";
import { ADAMW, SGD } from "./model.ts";
import type { PeerMethod, PeerSetup, StepPeer } from "./peer.ts";

/** Starts PyTorch. */
export async function startPytorch(
  { method, weights, batches, threads }: PeerSetup,
): Promise<StepPeer | string> {
  const command = await findPython("numpy", "torch");
  if (command === undefined) return "not installed (Debian: python3-torch)";
  const exchange = new Exchange();
  const { layers, heads, context } = textRecipe;
  const process = new PythonProcess(command, "gpt_step.py", [String(threads)]);
  const close = async () => {
    await process.close();
    exchange[Symbol.dispose]();
  };
  try {
    const { name, unable } = await process.ask<{ name: string; unable?: string }>({
      ...{ layers, heads, context, ...settingsOf(method) },
      weights: weights.map(({ numbers, rows, cols }) => ({
        file: exchange.write(numbers),
        shape: [rows, cols],
      })),
      batches: batches.map(({ inputs, targets }) => ({
        inputs: exchange.write(inputs),
        targets: exchange.write(targets),
      })),
    });
    if (unable === undefined) return { name, step: (batch) => process.ask({ batch }), close };
    await close();
    return unable;
  } catch (error) {
    await close();
    throw error;
  }
}

function settingsOf(method: PeerMethod) {
  if (method === "sgd") {
    const { learningRate: lr, momentum, clip } = SGD;
    return { lr, momentum, clip };
  }
  const { learningRate: lr, beta1, beta2, decay, clip } = ADAMW;
  return { lr, betas: [beta1, beta2], decay, clip };
}
