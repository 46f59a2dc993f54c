#include <string.h>

#include "common/simd.h"
#include "tile_mark/tile_mark.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// Samples of a chunk: one tile across. Loops over chunks are plain and become vectors.
constexpr int kMostSamples = kTileSide * kMostChannels;

FACESDK_INLINE int difference(uint8_t a, uint8_t b) { return a > b ? a - b : b - a; }

// sums[i] += |a[i] - b[i]|
FACESDK_INLINE void add_differences(const uint8_t* FACESDK_RESTRICT a, const uint8_t* FACESDK_RESTRICT b, int count,
                                    uint16_t* FACESDK_RESTRICT sums) {
  for (int i = 0; i < count; ++i) sums[i] = uint16_t(sums[i] + difference(a[i], b[i]));
}

// out[i] = clip(in[i] + tile[i] gain[i] / 2^15, rounded); the shape of the product is one that compilers have an
// instruction for.
FACESDK_INLINE void add_tile(const uint8_t* in, const int16_t* FACESDK_RESTRICT tile,
                             const int16_t* FACESDK_RESTRICT gain, int count, uint8_t* out) {
  uint8_t changed[kMostSamples];
  for (int i = 0; i < count; ++i) {
    const int16_t added = int16_t((((int(tile[i]) * int(gain[i])) >> 14) + 1) >> 1);
    const int16_t value = int16_t(in[i] + added);
    changed[i] = uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
  }
  memcpy(out, changed, size_t(count));
}

FACESDK_INLINE int smaller(int a, int b) { return a < b ? a : b; }

}  // namespace

void tile_mark_activity(const Plate& plate, int cap, int first, int last, int32_t* activity) {
  const int channels = plate.channels, columns = (plate.width + kBlockSide - 1) / kBlockSide;
  for (int block = first; block < last; ++block) {
    const int top = block * kBlockSide, bottom = smaller(top + kBlockSide, plate.height);
    for (int left = 0; left < plate.width; left += kTileSide) {
      const int right = smaller(left + kTileSide, plate.width), count = (right - left) * channels;
      // The last column has no neighbour to its right, the last row none below.
      const int across = (smaller(right, plate.width - 1) - left) * channels;
      uint16_t sums[kMostSamples] = {};
      for (int row = top; row < bottom; row += 2) {
        const uint8_t* at = plate.in + row * plate.in_stride + left * channels;
        add_differences(at, at + channels, across, sums);
        if (row + 1 < plate.height) add_differences(at, at + plate.in_stride, count, sums);
      }
      for (int x = left; x < right; x += kBlockSide) {
        const int end = smaller(x + kBlockSide, right);
        int sum = 0;
        for (int i = (x - left) * channels; i < (end - left) * channels; ++i) sum += sums[i];
        const int mean = 16 * sum / ((end - x) * ((bottom - top + 1) / 2) * channels);
        activity[size_t(block) * columns + x / kBlockSide] = smaller(mean, cap);
      }
    }
  }
}

void tile_mark_add(const Plate& plate, const int16_t* wide, const int32_t* gains, int first, int last) {
  const int channels = plate.channels, columns = (plate.width + kBlockSide - 1) / kBlockSide;
  for (int block = first; block < last; ++block) {
    const int top = block * kBlockSide, bottom = smaller(top + kBlockSide, plate.height);
    for (int left = 0; left < plate.width; left += kTileSide) {
      const int count = (smaller(left + kTileSide, plate.width) - left) * channels;
      int16_t gain[kMostSamples];
      const int32_t* own = gains + size_t(block) * columns + left / kBlockSide;
      for (int i = 0; i < count; ++i) gain[i] = int16_t(own[i / (kBlockSide * channels)]);
      for (int row = top; row < bottom; ++row) {
        const int16_t* tile = wide + size_t(row % kTileSide) * kTileSide * channels;
        add_tile(plate.in + row * plate.in_stride + left * channels, tile, gain, count,
                 plate.out + row * plate.out_stride + left * channels);
      }
    }
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
