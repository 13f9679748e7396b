// Where a window lies: locations are numbered n T + t, pixels (n h + row) w + column, taps
// kernelRow kw + kernelColumn.

const OUTSIDE: u32 = 0xffffffffu;

// Number of the pixel under a tap of the window at a location, OUTSIDE where there is none.
fn pixelOf(location: u32, tap: u32) -> u32 {
  let locations = params.outHeight * params.outWidth;
  let example = location / locations;
  let place = location % locations;
  let row = i32(place / params.outWidth) * params.strideY - params.paddingY +
    i32(tap / params.kernelX) * params.dilationY;
  let column = i32(place % params.outWidth) * params.strideX - params.paddingX +
    i32(tap % params.kernelX) * params.dilationX;
  if (row < 0 || row >= params.height || column < 0 || column >= params.width) { return OUTSIDE; }
  return (example * u32(params.height) + u32(row)) * u32(params.width) + u32(column);
}

// Number of the location whose window has a pixel under a tap, OUTSIDE where there is none.
fn locationOf(pixel: u32, tap: u32) -> u32 {
  let width = u32(params.width);
  let area = u32(params.height) * width;
  let example = pixel / area;
  let place = pixel % area;
  let row = i32(place / width) + params.paddingY - i32(tap / params.kernelX) * params.dilationY;
  let column = i32(place % width) + params.paddingX - i32(tap % params.kernelX) * params.dilationX;
  if (row < 0 || column < 0 || row % params.strideY != 0 || column % params.strideX != 0) {
    return OUTSIDE;
  }
  let y = u32(row / params.strideY);
  let x = u32(column / params.strideX);
  if (y >= params.outHeight || x >= params.outWidth) { return OUTSIDE; }
  return (example * params.outHeight + y) * params.outWidth + x;
}
