#include <immintrin.h>

#include "openvino/style_layer.h"

namespace facesdk {
namespace avx512_bf16 {
namespace {

#define FACESDK_INLINE static inline __attribute__((always_inline))

constexpr size_t kRows = 6;

FACESDK_INLINE __m512 widened(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

FACESDK_INLINE __m512 load(const uint16_t* p) {
  return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

// Returns what was stored.
FACESDK_INLINE __m512 store(uint16_t* p, __m512 a) {
  const __m256i half = (__m256i)_mm512_cvtneps_pbh(a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), half);
  return widened(half);
}

// One tile: the pixels around it, row by row, nullptr outside the picture.
template <size_t Side>
FACESDK_INLINE void around(const StyleCall& call, size_t tile, const uint16_t* (&pixels)[Side * Side]) {
  const long step = Side == 4 ? 2 : 1, columns = long(call.tile_columns());
  const long top = long(tile) / columns * step - 1, left = long(tile) % columns * step - 1;
  for (long y = 0; y < long(Side); ++y) {
    for (long x = 0; x < long(Side); ++x) {
      const bool inside = top + y >= 0 && top + y < long(call.height) && left + x >= 0 && left + x < long(call.width);
      pixels[y * Side + x] =
          inside ? call.x + ((top + y) * long(call.width) + left + x) * long(call.in_channels) : nullptr;
    }
  }
}

FACESDK_INLINE __m512 pixel(const uint16_t* p, size_t channel) { return p ? load(p + channel) : _mm512_setzero_ps(); }

// B^T d of F(2, 3): a column or row of four.
FACESDK_INLINE void four(__m512& a, __m512& b, __m512& c, __m512& d) {
  const __m512 e = _mm512_sub_ps(a, c), f = _mm512_add_ps(b, c), g = _mm512_sub_ps(c, b), h = _mm512_sub_ps(b, d);
  a = e, b = f, c = g, d = h;
}

// Of the doubled picture: what the left neighbour and the right one differ by, and the pixel itself.
FACESDK_INLINE void three(__m512& a, __m512& b, __m512& c) {
  a = _mm512_sub_ps(a, b);
  c = _mm512_sub_ps(c, b);
}

template <size_t Vectors, size_t Rows>
FACESDK_INLINE void product(const uint16_t* values, const uint16_t* weights, size_t channels, float* sums) {
  __m512 sum[Rows][Vectors];
#pragma GCC unroll 6
  for (size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < Vectors; ++v) sum[r][v] = _mm512_setzero_ps();
  }
  for (size_t k = 0; k < channels; k += 2, weights += 2 * kStyleLanes * Vectors) {
    __m512bh w[Vectors];
#pragma GCC unroll 4
    for (size_t v = 0; v < Vectors; ++v) w[v] = (__m512bh)_mm512_loadu_si512(weights + 2 * kStyleLanes * v);
#pragma GCC unroll 6
    for (size_t r = 0; r < Rows; ++r) {
      int pair;
      __builtin_memcpy(&pair, values + r * channels + k, 4);
      const __m512bh a = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
      for (size_t v = 0; v < Vectors; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], a, w[v]);
    }
  }
#pragma GCC unroll 6
  for (size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < Vectors; ++v) _mm512_storeu_ps(sums + (r * Vectors + v) * kStyleLanes, sum[r][v]);
  }
}

template <size_t Vectors>
void all_rows(const uint16_t* values, const uint16_t* weights, size_t tiles, size_t channels, float* sums) {
  size_t t = 0;
  for (; t + kRows <= tiles; t += kRows) {
    product<Vectors, kRows>(values + t * channels, weights, channels, sums + t * Vectors * kStyleLanes);
  }
  for (; t < tiles; ++t) {
    product<Vectors, 1>(values + t * channels, weights, channels, sums + t * Vectors * kStyleLanes);
  }
}

// What stands behind the convolution, at one pixel and 16 channels.
struct Ending {
  __m512 weight, bias, slope, total, squares;

  FACESDK_INLINE void write(Ending& e, const StyleCall& call, size_t y, size_t x, size_t channel, __m512 a) {
    const size_t at = y * call.out_width() + x;
    a = _mm512_add_ps(a, _mm512_fmadd_ps(e.weight, _mm512_set1_ps(call.noise[at]), e.bias));
    a = store(call.out + at * call.out_channels + channel, _mm512_max_ps(a, _mm512_mul_ps(a, e.slope)));
    // Of the rounded values: a constant channel has no variance then, and AdaIN does not magnify the rounding.
    e.total = _mm512_add_ps(e.total, a);
    e.squares = _mm512_fmadd_ps(a, a, e.squares);
  }
};

}  // namespace

void style_input(const StyleCall& call, size_t first, size_t last, uint16_t* values) {
  const size_t channels = call.in_channels, step = (last - first) * channels;
  for (size_t tile = first; tile < last; ++tile, values += channels) {
    if (call.doubled) {
      const uint16_t* p[9];
      around<3>(call, tile, p);
      for (size_t c = 0; c < channels; c += kStyleLanes) {
        __m512 d[9];
#pragma GCC unroll 9
        for (int i = 0; i < 9; ++i) d[i] = pixel(p[i], c);
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) three(d[i], d[3 + i], d[6 + i]);
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) three(d[3 * i], d[3 * i + 1], d[3 * i + 2]);
#pragma GCC unroll 9
        for (int i = 0; i < 9; ++i) store(values + i * step + c, d[i]);
      }
    } else {
      const uint16_t* p[16];
      around<4>(call, tile, p);
      for (size_t c = 0; c < channels; c += kStyleLanes) {
        __m512 d[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) d[i] = pixel(p[i], c);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) four(d[i], d[4 + i], d[8 + i], d[12 + i]);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) four(d[4 * i], d[4 * i + 1], d[4 * i + 2], d[4 * i + 3]);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) store(values + i * step + c, d[i]);
      }
    }
  }
}

void style_products(const StyleCall& call, size_t tiles, size_t start, size_t width, const uint16_t* values,
                    float* sums) {
  const size_t channels = call.in_channels;
  const auto run = width == 64 ? all_rows<4> : width == 48 ? all_rows<3> : width == 32 ? all_rows<2> : all_rows<1>;
  const uint16_t* weights = call.weights + start * call.products() * channels;
  for (size_t p = 0; p < call.products(); ++p) {
    run(values + p * tiles * channels, weights + p * channels * width, tiles, channels, sums + p * tiles * width);
  }
}

void style_output(const StyleCall& call, size_t first, size_t last, size_t start, size_t width, const float* sums,
                  float* totals) {
  const size_t step = (last - first) * width, columns = call.tile_columns();
  const size_t height = call.out_height(), across = call.out_width();
  for (size_t c = 0; c < width; c += kStyleLanes) {
    const size_t channel = start + c;
    float* total = totals + channel;
    float* squares = total + call.out_channels;
    Ending e{_mm512_loadu_ps(call.noise_weight + channel), _mm512_loadu_ps(call.bias + channel),
             _mm512_set1_ps(call.slope), _mm512_loadu_ps(total), _mm512_loadu_ps(squares)};
    for (size_t tile = first; tile < last; ++tile) {
      const float* m = sums + (tile - first) * width + c;
      const size_t y = 2 * (tile / columns), x = 2 * (tile % columns);
      __m512 r[2][4];
      if (call.doubled) {
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
          const __m512 a = _mm512_loadu_ps(m + i * step), b = _mm512_loadu_ps(m + (3 + i) * step);
          const __m512 d = _mm512_loadu_ps(m + (6 + i) * step);
          r[0][i] = _mm512_add_ps(a, b);
          r[1][i] = _mm512_add_ps(b, d);
        }
        for (size_t i = 0; i < 2; ++i) {
          Ending::write(e, call, y + i, x, channel, _mm512_add_ps(r[i][0], r[i][1]));
          Ending::write(e, call, y + i, x + 1, channel, _mm512_add_ps(r[i][1], r[i][2]));
        }
      } else {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const __m512 a = _mm512_loadu_ps(m + i * step), b = _mm512_loadu_ps(m + (4 + i) * step);
          const __m512 d = _mm512_loadu_ps(m + (8 + i) * step), f = _mm512_loadu_ps(m + (12 + i) * step);
          r[0][i] = _mm512_add_ps(a, _mm512_add_ps(b, d));
          r[1][i] = _mm512_sub_ps(_mm512_sub_ps(b, d), f);
        }
        for (size_t i = 0; i < 2 && y + i < height; ++i) {
          Ending::write(e, call, y + i, x, channel, _mm512_add_ps(r[i][0], _mm512_add_ps(r[i][1], r[i][2])));
          if (x + 1 < across) {
            Ending::write(e, call, y + i, x + 1, channel, _mm512_sub_ps(_mm512_sub_ps(r[i][1], r[i][2]), r[i][3]));
          }
        }
      }
    }
    _mm512_storeu_ps(total, e.total);
    _mm512_storeu_ps(squares, e.squares);
  }
}

void style_affine(const StyleCall& call, size_t first, size_t last, const float* scale, const float* shift) {
  const size_t channels = call.out_channels;
  for (size_t c = 0; c < channels; c += kStyleLanes) {
    const __m512 a = _mm512_loadu_ps(scale + c), b = _mm512_loadu_ps(shift + c);
    for (size_t i = first; i < last; ++i) {
      uint16_t* p = call.out + i * channels + c;
      store(p, _mm512_fmadd_ps(load(p), a, b));
    }
  }
}

}  // namespace avx512_bf16
}  // namespace facesdk
