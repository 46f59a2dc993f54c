#include "tile_mark/tile_mark.h"

#include <algorithm>
#include <vector>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {
namespace {

// Rows of blocks of a band where several threads work: the edges of bands are read twice.
constexpr int kBandBlocks = 12;

}  // namespace

void tile_mark(const Plate& plate, const int16_t* tile, const Strength& strength, int threads) {
  const int rows = (plate.height + kBlockSide - 1) / kBlockSide, columns = (plate.width + kBlockSide - 1) / kBlockSide;
  const int band_blocks = threads > 1 ? kBandBlocks : rows;
  const int bands = (rows + band_blocks - 1) / band_blocks;
  const auto end_of = [&](int band) { return std::min((band + 1) * band_blocks, rows); };
  std::vector<int32_t> activity(static_cast<size_t>(rows) * columns);
  std::vector<int16_t> wide(static_cast<size_t>(kTileSide) * kTileSide * plate.channels);
  FACESDK_PICK(tile_mark_widen)(tile, plate.channels, wide.data());
  // A band looks at the edges of its neighbours: these are measured before any of them is written, in place perhaps.
  const auto measure = FACESDK_PICK(tile_mark_activity);
  for (int band = 0; band < bands; ++band) {
    measure(plate, strength.cap, band * band_blocks, activity.data());
    measure(plate, strength.cap, end_of(band) - 1, activity.data());
  }
  const auto mark = FACESDK_PICK(tile_mark_band);
  parallel_for(static_cast<size_t>(bands), threads, [&](size_t index) {
    const int band = static_cast<int>(index);
    std::vector<int32_t> sums(static_cast<size_t>(columns));
    std::vector<int16_t> gains(static_cast<size_t>(columns));
    mark(plate, wide.data(), strength, band * band_blocks, end_of(band), activity.data(), sums.data(), gains.data());
  });
}

}  // namespace facesdk
