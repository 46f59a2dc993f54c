#include <string.h>

#include "common/simd.h"
#include "tile_mark/tile_mark.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// Samples of a chunk: one tile across. Loops over chunks are plain and become vectors.
constexpr int kMostSamples = kTileSide * kMostChannels;

FACESDK_INLINE int smaller(int a, int b) { return a < b ? a : b; }

// Rows of which differences are taken: every second one from `at` on, `count` of them; the last may have none below.
struct Pairs {
  const uint8_t* at;
  ptrdiff_t stride;
  int count;
  bool last_has_below;
};

// Sum of |a - b| over `count` samples.
int difference(const uint8_t* a, const uint8_t* b, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
  return sum;
}

#if FACESDK_X86 && defined(__AVX512BW__)
struct Bytes {
  static constexpr int width = 64;
  __m512i v;
};
FACESDK_INLINE Bytes none() { return {_mm512_setzero_si512()}; }
FACESDK_INLINE Bytes plus_differences(Bytes sums, const uint8_t* a, const uint8_t* b) {
  return {_mm512_add_epi64(sums.v, _mm512_sad_epu8(_mm512_loadu_si512(a), _mm512_loadu_si512(b)))};
}
FACESDK_INLINE void store(uint64_t* p, Bytes a) { _mm512_storeu_si512(p, a.v); }
#elif FACESDK_X86 && defined(__AVX2__)
struct Bytes {
  static constexpr int width = 32;
  __m256i v;
};
FACESDK_INLINE __m256i load_bytes(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
FACESDK_INLINE Bytes none() { return {_mm256_setzero_si256()}; }
FACESDK_INLINE Bytes plus_differences(Bytes sums, const uint8_t* a, const uint8_t* b) {
  return {_mm256_add_epi64(sums.v, _mm256_sad_epu8(load_bytes(a), load_bytes(b)))};
}
FACESDK_INLINE void store(uint64_t* p, Bytes a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v); }
#elif FACESDK_X86
struct Bytes {
  static constexpr int width = 16;
  __m128i v;
};
FACESDK_INLINE __m128i load_bytes(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
FACESDK_INLINE Bytes none() { return {_mm_setzero_si128()}; }
FACESDK_INLINE Bytes plus_differences(Bytes sums, const uint8_t* a, const uint8_t* b) {
  return {_mm_add_epi64(sums.v, _mm_sad_epu8(load_bytes(a), load_bytes(b)))};
}
FACESDK_INLINE void store(uint64_t* p, Bytes a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), a.v); }
#else
struct Bytes {
  static constexpr int width = 8;
  uint64_t v;
};
FACESDK_INLINE Bytes none() { return {0}; }
FACESDK_INLINE Bytes plus_differences(Bytes sums, const uint8_t* a, const uint8_t* b) {
  return {sums.v + uint64_t(difference(a, b, 8))};
}
FACESDK_INLINE void store(uint64_t* p, Bytes a) { *p = a.v; }
#endif

// sums[i] = the differences of samples 8 i to 8 i + 7 from those to their right and below, for `count` times 8 samples
// that all have one to their right. Returns how many it did; the rest is less than a vector.
FACESDK_INLINE int sums_of_eights(const Pairs& rows, int channels, int count, uint64_t* sums) {
  constexpr int step = Bytes::width / 8;
  int i = 0;
  for (; i + step <= count; i += step) {
    Bytes sum = none();
    const uint8_t* at = rows.at + 8 * i;
    for (int row = 0; row < rows.count; ++row, at += 2 * rows.stride) {
      sum = plus_differences(sum, at, at + channels);
      if (row + 1 < rows.count || rows.last_has_below) sum = plus_differences(sum, at, at + rows.stride);
    }
    store(sums + i, sum);
  }
  return i;
}

// The same for any samples, of which the first `across` have one to their right.
int sum_of(const Pairs& rows, int channels, int from, int count, int across) {
  int sum = 0;
  const uint8_t* at = rows.at + from;
  for (int row = 0; row < rows.count; ++row, at += 2 * rows.stride) {
    sum += difference(at, at + channels, across);
    if (row + 1 < rows.count || rows.last_has_below) sum += difference(at, at + rows.stride, count);
  }
  return sum;
}

template <int channels>
void measure(const Plate& plate, int cap, int block, int32_t* activity) {
  const int columns = (plate.width + kBlockSide - 1) / kBlockSide;
  const int top = block * kBlockSide, bottom = smaller(top + kBlockSide, plate.height);
  const Pairs rows{plate.in + top * plate.in_stride, plate.in_stride, (bottom - top + 1) / 2,
                   (bottom - top) % 2 == 0 || bottom < plate.height};
  int32_t* out = activity + size_t(block) * columns;
  // Blocks whose every sample has one to its right, as many at a time as a tile is wide.
  const int whole = (plate.width - 1) / kBlockSide;
  for (int left = 0; left < whole; left += kTileSide / kBlockSide) {
    const int blocks = smaller(whole - left, kTileSide / kBlockSide), start = left * kBlockSide * channels;
    uint64_t sums[kMostSamples / 8];
    const Pairs here{rows.at + start, rows.stride, rows.count, rows.last_has_below};
    for (int i = sums_of_eights(here, channels, blocks * channels, sums); i < blocks * channels; ++i) {
      sums[i] = uint64_t(sum_of(here, channels, 8 * i, 8, 8));
    }
    for (int i = 0; i < blocks; ++i) {
      int sum = 0;
      for (int c = 0; c < channels; ++c) sum += int(sums[i * channels + c]);
      // 16 sum / (8 columns * rows * channels), which is a division by a constant in all rows but the last.
      const int mean = rows.count == 4 ? sum / (2 * channels) : 2 * sum / (rows.count * channels);
      out[left + i] = smaller(mean, cap);
    }
  }
  for (int i = whole; i < columns; ++i) {
    const int left = i * kBlockSide, right = smaller(left + kBlockSide, plate.width);
    const int across = (smaller(right, plate.width - 1) - left) * channels;
    const int sum = sum_of(rows, channels, left * channels, (right - left) * channels, across);
    out[i] = smaller(16 * sum / ((right - left) * rows.count * channels), cap);
  }
}

// Gains of a row of blocks, from the mean activity of each block and those around it.
void find_gains(const int32_t* activity, int rows, int columns, int block, const Strength& strength,
                               int32_t* FACESDK_RESTRICT sums, int16_t* FACESDK_RESTRICT gains) {
  const int top = block > 0 ? block - 1 : 0, bottom = smaller(block + 1, rows - 1), tall = bottom - top + 1;
  const int32_t* at = activity + size_t(top) * columns;
  for (int x = 0; x < columns; ++x) sums[x] = at[x];
  for (int y = 1; y < tall; ++y) {
    for (int x = 0; x < columns; ++x) sums[x] += at[y * columns + x];
  }
  const auto gain = [&](int mean) {
    return int16_t(smaller(strength.least + (mean * strength.slope >> 4), strength.most));
  };
  if (tall == 3) {
    for (int x = 1; x < columns - 1; ++x) gains[x] = gain((sums[x - 1] + sums[x] + sums[x + 1]) / 9);
  } else {
    for (int x = 1; x < columns - 1; ++x) gains[x] = gain((sums[x - 1] + sums[x] + sums[x + 1]) / (3 * tall));
  }
  for (int x = 0; x < columns; x += columns > 1 ? columns - 1 : 1) {
    const int left = x > 0 ? x - 1 : 0, right = smaller(x + 1, columns - 1);
    int sum = 0;
    for (int i = left; i <= right; ++i) sum += sums[i];
    gains[x] = gain(sum / ((right - left + 1) * tall));
  }
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

template <int channels>
void add(const Plate& plate, const int16_t* wide, const int16_t* gains, int block) {
  constexpr int samples = kTileSide * channels;
  const int top = block * kBlockSide, bottom = smaller(top + kBlockSide, plate.height);
  for (int left = 0; left < plate.width; left += kTileSide) {
    const int width = smaller(kTileSide, plate.width - left);
    int16_t gain[samples];
    for (int i = 0; i * kBlockSide < width; ++i) {
      for (int j = 0; j < kBlockSide * channels; ++j) gain[i * kBlockSide * channels + j] = gains[left / kBlockSide + i];
    }
    for (int row = top; row < bottom; ++row) {
      const int16_t* tile = wide + size_t(row % kTileSide) * samples;
      const uint8_t* in = plate.in + row * plate.in_stride + left * channels;
      uint8_t* out = plate.out + row * plate.out_stride + left * channels;
      // A whole chunk has a length that the compiler knows.
      if (width == kTileSide) {
        add_tile(in, tile, gain, samples, out);
      } else {
        add_tile(in, tile, gain, width * channels, out);
      }
    }
  }
}

template <int channels>
void mark_band(const Plate& plate, const int16_t* wide, const Strength& strength, int first, int last,
                              int32_t* activity, int32_t* sums, int16_t* gains) {
  const int rows = (plate.height + kBlockSide - 1) / kBlockSide, columns = (plate.width + kBlockSide - 1) / kBlockSide;
  for (int block = first; block < last; ++block) {
    if (block + 2 < last) measure<channels>(plate, strength.cap, block + 1, activity);
    find_gains(activity, rows, columns, block, strength, sums, gains);
    add<channels>(plate, wide, gains, block);
  }
}

}  // namespace

void tile_mark_widen(const int16_t* tile, int channels, int16_t* wide) {
  if (channels == 1) {
    memcpy(wide, tile, sizeof(int16_t) * kTileSide * kTileSide);
    return;
  }
  for (int i = 0; i < kTileSide * kTileSide; ++i) {
    for (int c = 0; c < kMostChannels; ++c) wide[kMostChannels * i + c] = tile[i];
  }
}

void tile_mark_activity(const Plate& plate, int cap, int block, int32_t* activity) {
  plate.channels == 1 ? measure<1>(plate, cap, block, activity) : measure<3>(plate, cap, block, activity);
}

void tile_mark_band(const Plate& plate, const int16_t* wide, const Strength& strength, int first, int last,
                    int32_t* activity, int32_t* sums, int16_t* gains) {
  plate.channels == 1 ? mark_band<1>(plate, wide, strength, first, last, activity, sums, gains)
                      : mark_band<3>(plate, wide, strength, first, last, activity, sums, gains);
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
