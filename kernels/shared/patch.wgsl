// Patches that are never stored: element (location, column) of the matrix of patches, columns in the
// order (kernel row, kernel column, channel), after them the homogeneous 1. Needs window.wgsl and a
// binding `images`.

fn patchElement(location: u32, column: u32) -> f32 {
  let tap = column / params.channels;
  if (tap >= params.kernelY * params.kernelX) { return 1.0; }
  let pixel = pixelOf(location, tap);
  if (pixel == OUTSIDE) { return 0.0; }
  return images[params.imagesOffset + pixel * params.imagesStride + column % params.channels];
}
