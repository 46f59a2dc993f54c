#include "paste/paste.h"

#include <algorithm>
#include <vector>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {
namespace {

constexpr int kBandRows = 16;

std::vector<float> bordered(const float* crop, const float* mask, int height, int width) {
  const int wide = width + 2 * kTileBorder, high = height + 2 * kTileBorder;
  std::vector<float> tile(4 * static_cast<size_t>(wide) * high);
  float* to = tile.data();
  for (int y = -kTileBorder; y < height + kTileBorder; ++y) {
    const int row = std::clamp(y, 0, height - 1);
    for (int x = -kTileBorder; x < width + kTileBorder; ++x, to += 4) {
      const int column = std::clamp(x, 0, width - 1);
      const size_t at = static_cast<size_t>(row) * width + column;
      to[0] = crop[3 * at], to[1] = crop[3 * at + 1], to[2] = crop[3 * at + 2];
      to[3] = row == y && column == x ? mask[at] : 0.0f;
    }
  }
  return tile;
}

Support support_of(const float* mask, int height, int width) {
  int x0 = width, y0 = height, x1 = -1, y1 = -1;
  for (int y = 0; y < height; ++y) {
    const float* row = mask + static_cast<size_t>(y) * width;
    for (int x = 0; x < width; ++x) {
      if (!(row[x] > 0.0f)) continue;
      x0 = std::min(x0, x), x1 = std::max(x1, x);
      y0 = std::min(y0, y), y1 = y;
    }
  }
  return {x0 - 1.0, y0 - 1.0, x1 + 1.0, y1 + 1.0};
}

void paste_one(const Patch& patch, float least_mask, int threads) {
  const Support support = support_of(patch.mask, patch.height, patch.width);
  if (support.x1 <= support.x0) return;
  const std::vector<float> data = bordered(patch.crop, patch.mask, patch.height, patch.width);
  const Tile tile{data.data(), patch.height, patch.width};
  const auto kernel = FACESDK_PICK(paste_rows);
  const size_t bands = (patch.target.height + kBandRows - 1) / kBandRows;
  parallel_for(bands, threads, [&](size_t band) {
    const int first = static_cast<int>(band) * kBandRows, last = std::min(first + kBandRows, patch.target.height);
    kernel(tile, patch.placing, support, patch.cubic, least_mask, patch.target, first, last);
  });
}

}  // namespace

void paste(const Patch* patches, size_t count, float least_mask, int threads) {
  if (count == 1) {
    paste_one(*patches, least_mask, threads);
  } else {
    parallel_for(count, threads, [&](size_t i) { paste_one(patches[i], least_mask, 1); });
  }
}

}  // namespace facesdk
