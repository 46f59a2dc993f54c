// Aligned crops, straight from a picture to a network's input: similarity warp, colour order, normalisation, planes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/levels.h"

namespace facesdk {

// (height, width, 3) uint8; rows are `stride` bytes apart, pixels 3.
struct Picture {
  const uint8_t* data;
  int height, width;
  ptrdiff_t stride;
};

// From a crop's pixel (column c, row r) to the picture: x = xx c + xy r + x0, y = yx c + yy r + y0; both in pixels whose
// centres are whole numbers.
struct Sampling {
  double xx, xy, x0;
  double yx, yy, y0;
};

// Gaussian that OpenCV would use before a crop is shrunk: taps in 1/256, symmetric, their sum 256; radius 0 is none.
constexpr int kMostTaps = 255;
struct Blur {
  int radius;
  uint16_t taps[kMostTaps];
};

// The part of the picture, (y0 to y1, x0 to x1), that a blurred copy holds.
struct Window {
  int x0, y0, x1, y1;
};

// count crops of one picture: out (count, 3, size, size) = pixel * scale + offset, where pixel is what OpenCV's bilinear
// warpAffine would round to 8 bits; the picture's border is repeated. matrices (count, 6) take picture pixels to crop
// pixels, centres at +0.5. swap_channels turns RGB into BGR.
void warp_crop(const Picture& picture, const double* matrices, size_t count, int size, bool swap_channels, float scale,
               float offset, float* out, int threads);

// Kernels may write so many elements past a row's end.
constexpr int kSpare = 64;

// Rows first to last of one crop; planes of red, green and blue.
FACESDK_KERNEL(void sample_rows(const Picture& picture, const Sampling& from, int first, int last, int size, float scale,
                                float offset, float* const planes[3]))
// Fills a window's copy. rows: scratch for 2 radius + 3 rows of the window, 3 (2 radius + 1) more, and the spare.
FACESDK_KERNEL(void blur_window(const Picture& picture, const Blur& blur, const Window& window, float* rows, uint8_t* out))

}  // namespace facesdk
