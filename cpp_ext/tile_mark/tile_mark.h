// A faint repeating tile added to a picture, stronger where the picture is busy. All arithmetic is in whole numbers, so
// every level and the NumPy reference give the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/levels.h"

namespace facesdk {

constexpr int kTileSide = 128;
constexpr int kBlockSide = 8;
constexpr int kMostChannels = 3;

// (height, width, channels) uint8 with one or three channels, samples of a row side by side; `out` may be `in`.
struct Plate {
  const uint8_t* in;
  ptrdiff_t in_stride;
  uint8_t* out;
  ptrdiff_t out_stride;
  int height, width, channels;
};

// Strength over activity, 1/256: least + slope * activity / 16, at most `most`; activities above `cap` count as it.
struct Strength {
  int least, slope, most, cap;
};

// out = clip(in + round(tile * gain)), tile (128, 128) int16 in 1/128, below 2^13. The gain of a block of 8 by 8 pixels
// comes from the mean absolute difference of neighbouring samples, in every second row of it and its eight neighbours.
void tile_mark(const Plate& plate, const int16_t* tile, const Strength& strength, int threads);

// `wide`, (128, 128 * channels): each value of the tile once a channel.
FACESDK_KERNEL(void tile_mark_widen(const int16_t* tile, int channels, int16_t* wide))

// Activities, 1/16 of a level, of one row of blocks. They depend on the rows of these blocks alone.
FACESDK_KERNEL(void tile_mark_activity(const Plate& plate, int cap, int block, int32_t* activity))

// Measures and marks the rows of blocks from first to last, each measured just before it is needed, so that it is still
// in the cache. Activities of the first and the last of them, and of those around them, are there already. `sums` and
// `gains` hold a number for each column of blocks.
FACESDK_KERNEL(void tile_mark_band(const Plate& plate, const int16_t* wide, const Strength& strength, int first,
                                   int last, int32_t* activity, int32_t* sums, int16_t* gains))

}  // namespace facesdk
