// One layer of the style decoder in bfloat16, channels last: 3x3 convolution (after a nearest-neighbour doubling if asked
// for), noise, bias, leaky ReLU, and AdaIN (seed 000, eq. 4).
//
// The convolution is Winograd's: an output tile of 2x2 pixels takes 16 products a channel in place of 36. With doubling,
// where an input pixel stands four times, it takes 9 in place of 16 (of the transposed convolution).
// Source: Lavin and Gray 2016 (arXiv:1509.09308), F(2x2, 3x3); the doubled form stands in facesdk/runtime/style_weights.py.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace facesdk {

// Output channels of one product at most, and the channels of one vector.
constexpr size_t kStyleBlock = 64;
constexpr size_t kStyleLanes = 16;

// One picture. x (height, width, in_channels), out (side height, side width, out_channels) with side 2 when doubled.
struct StyleCall {
  size_t height, width, in_channels, out_channels;
  bool doubled;
  const uint16_t* x;
  const uint16_t* weights;     // packed by pack_style_weights
  const float *noise, *noise_weight, *bias, *gamma, *beta;  // noise: pixels of out; the others: out_channels
  float slope, epsilon;
  uint16_t* out;

  size_t products() const { return doubled ? 9 : 16; }
  size_t tile_rows() const { return doubled ? height : (height + 1) / 2; }
  size_t tile_columns() const { return doubled ? width : (width + 1) / 2; }
  size_t tiles() const { return tile_rows() * tile_columns(); }
  size_t out_height() const { return doubled ? 2 * height : height; }
  size_t out_width() const { return doubled ? 2 * width : width; }
};

// Whether this CPU multiplies bfloat16 vectors (AVX-512 BF16).
bool can_run_style_layer();

// Both channel counts must be multiples of kStyleLanes.
void style_layer(const StyleCall& call);

// Kernels of style_layer_bf16.cpp, AVX-512 BF16. A range of tiles [first, last) counts row by row.
namespace avx512_bf16 {

// values (products, last - first, in_channels): the transformed input.
void style_input(const StyleCall& call, size_t first, size_t last, uint16_t* values);

// sums (products, last - first, width): values times the weights of channels [start, start + width), width <= kStyleBlock.
void style_products(const StyleCall& call, size_t tiles, size_t start, size_t width, const uint16_t* values, float* sums);

// Transforms sums back, activates, writes out; adds sums and squares of what it wrote to totals (2, out_channels).
void style_output(const StyleCall& call, size_t first, size_t last, size_t start, size_t width, const float* sums,
                  float* totals);

// out = out scale + shift for pixels [first, last); scale and shift (out_channels).
void style_affine(const StyleCall& call, size_t first, size_t last, const float* scale, const float* shift);

}  // namespace avx512_bf16
}  // namespace facesdk
