/**
 * Layers of networks, as far as their costs go.
 *
 * @module
 */

/** A layer of weights [dOut, dIn]. */
export interface LayerShape {
  readonly dOut: number;
  /** With the bias. */
  readonly dIn: number;
  /** T, locations or positions of an example. */
  readonly positions: number;
}

/** Layers of a name. */
export interface NetworkShape {
  readonly name: string;
  readonly layers: readonly LayerShape[];
  /** Examples of each rank. */
  readonly batch: number;
}

/** Dense layers from width to width. */
export function denseNetwork(name: string, widths: readonly number[], batch: number): NetworkShape {
  const layers = widths.slice(1).map((dOut, i) => ({ dOut, dIn: widths[i] + 1, positions: 1 }));
  return { name, layers, batch };
}

/** The bottlenecks of a ResNet50 on 224 x 224 pixels (He et al. 2016), shortcuts left out. */
function resnet50(): NetworkShape {
  const layers: LayerShape[] = [{ dOut: 64, dIn: 147, positions: 112 ** 2 }];
  let channels = 64;
  for (const [width, count, side] of [[64, 3, 56], [128, 4, 28], [256, 6, 14], [512, 3, 7]]) {
    for (let block = 0; block < count; block++) {
      const positions = side ** 2;
      layers.push(
        { dOut: width, dIn: channels, positions },
        { dOut: width, dIn: 9 * width, positions },
        { dOut: 4 * width, dIn: width, positions },
      );
      channels = 4 * width;
    }
  }
  return {
    name: "resnet50",
    layers: [...layers, { dOut: 1000, dIn: 2049, positions: 1 }],
    batch: 32,
  };
}

/** Blocks of a GPT of 12 layers, 768 wide, 1024 positions, without its table of tokens. */
function gpt(): NetworkShape {
  const positions = 1024;
  const block = [[768, 769], [768, 769], [768, 769], [768, 769], [3072, 769], [768, 3073]];
  const layers = Array.from(
    { length: 12 },
    () => block.map(([dOut, dIn]) => ({ dOut, dIn, positions })),
  );
  return { name: "gpt", layers: layers.flat(), batch: 4 };
}

/** What is simulated. */
export const networks: readonly NetworkShape[] = [
  denseNetwork("autoencoder", [784, 250, 100, 30, 100, 250, 784], 250),
  resnet50(),
  gpt(),
];
