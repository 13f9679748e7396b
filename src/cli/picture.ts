/**
 * PNG and JPEG files as colours.
 *
 * @module
 */

import { DataError } from "../core/errors.ts";

/** A picture in memory. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  /** Red, green and blue of each pixel, [height * width * 3]. */
  readonly colours: Uint8Array;
}

/** Most pixels of a picture: a header that promises more is damaged, or a trap. */
const MOST_PIXELS = 1 << 24;

/**
 * Decodes a picture. What shines through stands before black; numbers of 16 bits lose their lower half.
 *
 * @throws {DataError} When it is damaged, too large, or neither PNG nor JPEG.
 */
export async function decodePicture(path: string, bytes: Uint8Array): Promise<Picture> {
  const isPng = bytes[0] === 0x89 && bytes[1] === 0x50;
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  if (!isPng && !isJpeg) throw new DataError(path, "expected a PNG or JPEG file, received neither");
  try {
    return await (isPng ? png(path, bytes) : jpeg(bytes));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const problem = `expected a complete ${
      isPng ? "PNG" : "JPEG"
    } file, received one that is damaged`;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(path, `${problem} (${message})`, { cause });
  }
}

async function png(path: string, bytes: Uint8Array): Promise<Picture> {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pixels = size.getUint32(16) * size.getUint32(20);
  if (pixels > MOST_PIXELS) {
    throw new DataError(path, `expected at most ${MOST_PIXELS} pixels, received ${pixels}`);
  }
  const { convertIndexedToRgb, decode } = await import("npm:fast-png@8.0.0");
  const image = decode(bytes, { checkCrc: true });
  const { height, width, depth } = image;
  const indexed = image.palette !== undefined;
  if (!indexed && depth < 8) {
    throw new DataError(path, `expected 8 or 16 bits for each colour, received ${depth}`);
  }
  const data = indexed ? convertIndexedToRgb(image) : image.data;
  const channels = data.length / (height * width);
  return { height, width, colours: coloursOf(data, channels, depth === 16 ? 8 : 0) };
}

async function jpeg(bytes: Uint8Array): Promise<Picture> {
  const { default: { decode } } = await import("npm:jpeg-js@0.4.4");
  const { height, width, data } = decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MOST_PIXELS / 1e6,
  });
  return { height, width, colours: coloursOf(data, data.length / (height * width), 0) };
}

/** Red, green and blue of grey, grey with alpha, colour, or colour with alpha. */
function coloursOf(data: ArrayLike<number>, channels: number, shift: number): Uint8Array {
  const pixels = data.length / channels;
  const out = new Uint8Array(3 * pixels);
  const grey = channels <= 2;
  const alpha = channels % 2 === 0;
  for (let i = 0; i < pixels; i++) {
    const opacity = alpha ? (data[channels * (i + 1) - 1] >> shift) / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const value = data[channels * i + (grey ? 0 : c)] >> shift;
      out[3 * i + c] = Math.round(value * opacity);
    }
  }
  return out;
}
