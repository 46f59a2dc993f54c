#include "tile_mark/tile_mark.h"

#include <algorithm>
#include <vector>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {
namespace {

constexpr int kBandBlocks = 4;

std::vector<int32_t> gains_of(const std::vector<int32_t>& activity, int rows, int columns, const Strength& strength) {
  std::vector<int32_t> out(activity.size());
  for (int y = 0; y < rows; ++y) {
    const int top = std::max(y - 1, 0), bottom = std::min(y + 1, rows - 1);
    for (int x = 0; x < columns; ++x) {
      const int left = std::max(x - 1, 0), right = std::min(x + 1, columns - 1);
      int32_t sum = 0;
      for (int j = top; j <= bottom; ++j) {
        for (int i = left; i <= right; ++i) sum += activity[static_cast<size_t>(j) * columns + i];
      }
      const int32_t mean = sum / ((bottom - top + 1) * (right - left + 1));
      out[static_cast<size_t>(y) * columns + x] =
          std::min(strength.least + (mean * strength.slope >> 4), strength.most);
    }
  }
  return out;
}

}  // namespace

void tile_mark(const Plate& plate, const int16_t* tile, const Strength& strength, int threads) {
  const int rows = (plate.height + kBlockSide - 1) / kBlockSide, columns = (plate.width + kBlockSide - 1) / kBlockSide;
  const size_t bands = static_cast<size_t>((rows + kBandBlocks - 1) / kBandBlocks);
  std::vector<int32_t> activity(static_cast<size_t>(rows) * columns);
  const auto measure = FACESDK_PICK(tile_mark_activity);
  const auto add = FACESDK_PICK(tile_mark_add);
  const auto over_bands = [&](const auto& work) {
    parallel_for(bands, threads, [&](size_t band) {
      const int first = static_cast<int>(band) * kBandBlocks;
      work(first, std::min(first + kBandBlocks, rows));
    });
  };
  // All is measured before anything is written, since the picture may be changed in place.
  over_bands([&](int first, int last) { measure(plate, strength.cap, first, last, activity.data()); });
  const std::vector<int32_t> gains = gains_of(activity, rows, columns, strength);
  std::vector<int16_t> wide(static_cast<size_t>(kTileSide) * kTileSide * plate.channels);
  for (size_t i = 0; i < wide.size(); ++i) wide[i] = tile[i / plate.channels];
  over_bands([&](int first, int last) { add(plate, wide.data(), gains.data(), first, last); });
}

}  // namespace facesdk
