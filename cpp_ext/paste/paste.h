// A crop back into its place: inverse warp of crop and mask, and blend, over the pixels that the mask reaches.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/levels.h"

namespace facesdk {

// Crop and mask as one picture of four floats a pixel (R, G, B 0 to 255, mask 0 to 1), with kTileBorder pixels more on
// every side: the colours repeat there, the mask is 0.
constexpr int kTileBorder = 4;
struct Tile {
  const float* data;
  int height, width;  // without the border
};

// From picture pixel (column c, row r) of the region to the tile, both centred at whole numbers.
struct Placing {
  double xx, xy, x0;
  double yx, yy, y0;
};

// Box of the tile outside of which the sampled mask is 0: x0 < x < x1, y0 < y < y1.
struct Support {
  double x0, y0, x1, y1;
};

// (height, width, 3) uint8 and the same region of the mask, float32, which must hold zeros.
struct Target {
  uint8_t* pixels;
  ptrdiff_t stride;
  float* mask;
  int height, width;
};

// A crop (height, width, 3), its mask (height, width) and where they go; cubic: how colours are sampled, or else bilinearly.
struct Patch {
  const float *crop, *mask;
  int height, width;
  Placing placing;
  bool cubic;
  Target target;
};

// Blends each crop under its mask into its region, in place: out = round(before + m (after - before)), with colours clipped
// to 0 to 255, m sampled bilinearly, clipped to 0 to 1, and 0 where it is less than least_mask. Where m is 0 nothing is
// written. Regions must not overlap.
void paste(const Patch* patches, size_t count, float least_mask, int threads);

FACESDK_KERNEL(void paste_rows(const Tile& tile, const Placing& placing, const Support& support, bool cubic,
                               float least_mask, const Target& target, int first, int last))

}  // namespace facesdk
