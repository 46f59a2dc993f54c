#include "openvino/style_layer.h"

#include <algorithm>
#include <cmath>
#include <openvino/core/parallel.hpp>
#include <vector>

namespace facesdk {
namespace {

// Tiles whose transformed input and products fill half of a second cache of 1 MB; the weights stream through the rest.
constexpr size_t kTileBytes = 1 << 19;
constexpr size_t kMostTiles = 192;
// Pixels that are scaled at once: their channels stay in the first cache.
constexpr size_t kAffinePixels = 64;

// A thread keeps its memory from call to call.
template <typename T, int Use>
T* scratch(size_t count) {
  static thread_local std::vector<T> memory;
  if (memory.size() < count) memory.resize(count);
  return memory.data();
}

size_t tiles_at_once(const StyleCall& call) {
  const size_t tile = call.products() * (call.in_channels * sizeof(uint16_t) + kStyleBlock * sizeof(float));
  const size_t fitting = kTileBytes / tile;
  return std::max<size_t>(6, std::min({call.tiles(), kMostTiles, fitting / 6 * 6}));
}

}  // namespace

bool can_run_style_layer() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

void style_layer(const StyleCall& call) {
  const size_t channels = call.out_channels, tiles = call.tiles(), once = tiles_at_once(call);
  const size_t ranges = (tiles + once - 1) / once;
  const size_t blocks = (channels + kStyleBlock - 1) / kStyleBlock;
  // Where the picture is too small for every thread, the output's channels are shared out too.
  const size_t threads = static_cast<size_t>(std::max(1, parallel_get_max_threads()));
  const size_t groups = ranges >= 2 * threads ? 1 : std::min(blocks, threads);
  std::vector<float> totals(ranges * 2 * channels, 0.0f);
  ov::parallel_for(ranges * groups, [&](size_t unit) {
    const size_t range = unit / groups, group = unit % groups;
    const size_t first = range * once, last = std::min(tiles, first + once), count = last - first;
    uint16_t* values = scratch<uint16_t, 0>(call.products() * once * call.in_channels);
    float* sums = scratch<float, 1>(call.products() * once * kStyleBlock);
    avx512_bf16::style_input(call, first, last, values);
    for (size_t block = blocks * group / groups; block < blocks * (group + 1) / groups; ++block) {
      const size_t start = block * kStyleBlock, width = std::min(kStyleBlock, channels - start);
      avx512_bf16::style_products(call, count, start, width, values, sums);
      avx512_bf16::style_output(call, first, last, start, width, sums, totals.data() + range * 2 * channels);
    }
  });
  const size_t pixels = call.out_height() * call.out_width();
  std::vector<float> scale(channels), shift(channels);
  for (size_t c = 0; c < channels; ++c) {
    double total = 0.0, squares = 0.0;
    for (size_t range = 0; range < ranges; ++range) {
      total += totals[range * 2 * channels + c];
      squares += totals[(range * 2 + 1) * channels + c];
    }
    const double mean = total / pixels, variance = std::max(0.0, squares / pixels - mean * mean);
    scale[c] = static_cast<float>(call.gamma[c] / std::sqrt(variance + call.epsilon));
    shift[c] = static_cast<float>(call.beta[c] - mean * scale[c]);
  }
  const size_t strips = (pixels + kAffinePixels - 1) / kAffinePixels;
  const size_t parts = std::min(strips, 4 * threads);
  ov::parallel_for(parts, [&](size_t part) {
    for (size_t strip = strips * part / parts; strip < strips * (part + 1) / parts; ++strip) {
      const size_t first = strip * kAffinePixels;
      avx512_bf16::style_affine(call, first, std::min(pixels, first + kAffinePixels), scale.data(), shift.data());
    }
  });
}

}  // namespace facesdk
