// A thread for each pixel of the region; one that the mask does not reach ends before it reads a colour.
#include "cuda/device.h"
#include "paste/paste_cuda.h"

namespace facesdk {
namespace {

constexpr int kBlockWidth = 32, kBlockHeight = 8;

struct Crop {
  const float *colors, *mask;
  int height, width;
};

__device__ __forceinline__ int clamped(int value, int limit) { return value < 0 ? 0 : value > limit ? limit : value; }

// Bicubic with a = -0.75, as OpenCV. Source: Keys 1981, eq. 4.
__device__ __forceinline__ void cubic_weights(float t, float (&w)[4]) {
  constexpr float a = -0.75f;
  w[0] = ((a * t - 2.0f * a) * t + a) * t;
  w[1] = ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
  w[2] = ((-(a + 2.0f) * t + 2.0f * a + 3.0f) * t - a) * t;
  w[3] = (-a * t + a) * t * t;
}

// The mask is 0 beside the crop.
__device__ __forceinline__ float mask_at(const Crop& crop, int x, int y) {
  const bool inside = x >= 0 && y >= 0 && x < crop.width && y < crop.height;
  return inside ? crop.mask[size_t(y) * crop.width + x] : 0.0f;
}

template <bool Cubic>
__global__ void __launch_bounds__(kBlockWidth* kBlockHeight)
    blend(Crop crop, Placing placing, float least_mask, Target target) {
  const int column = blockIdx.x * kBlockWidth + threadIdx.x, row = blockIdx.y * kBlockHeight + threadIdx.y;
  if (column >= target.width || row >= target.height) return;
  const double u = placing.xx * column + placing.xy * row + placing.x0;
  const double v = placing.yx * column + placing.yy * row + placing.y0;
  float* soft = target.mask + size_t(row) * target.width + column;
  *soft = 0.0f;
  // Beside the crop, where the whole part may not even fit an int. A NaN is not inside either.
  if (!(u > -1.0 && v > -1.0 && u < crop.width && v < crop.height)) return;
  const double left = floor(u), above = floor(v);
  const int x = int(left), y = int(above);
  const float right = float(u - left), down = float(v - above);
  const float first = mask_at(crop, x, y) * (1.0f - right) + mask_at(crop, x + 1, y) * right;
  const float second = mask_at(crop, x, y + 1) * (1.0f - right) + mask_at(crop, x + 1, y + 1) * right;
  const float m = fminf(fmaxf(first * (1.0f - down) + second * down, 0.0f), 1.0f);
  if (!(m >= least_mask)) return;
  *soft = m;

  constexpr int kTaps = Cubic ? 4 : 2, kBefore = Cubic ? 1 : 0;
  float across[4] = {1.0f - right, right, 0.0f, 0.0f}, along[4] = {1.0f - down, down, 0.0f, 0.0f};
  if constexpr (Cubic) {
    cubic_weights(right, across);
    cubic_weights(down, along);
  }
  float after[3] = {0.0f, 0.0f, 0.0f};
#pragma unroll
  for (int j = 0; j < kTaps; ++j) {
    const float* line = crop.colors + size_t(clamped(y + j - kBefore, crop.height - 1)) * crop.width * 3;
    float sums[3] = {0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int i = 0; i < kTaps; ++i) {
      const float* color = line + 3 * clamped(x + i - kBefore, crop.width - 1);
#pragma unroll
      for (int c = 0; c < 3; ++c) sums[c] = fmaf(across[i], color[c], sums[c]);
    }
#pragma unroll
    for (int c = 0; c < 3; ++c) after[c] = fmaf(along[j], sums[c], after[c]);
  }
  uint8_t* pixel = target.pixels + row * target.stride + 3 * column;
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const float before = pixel[c], color = fminf(fmaxf(after[c], 0.0f), 255.0f);
    pixel[c] = uint8_t(__float2int_rn((color - before) * m + before));
  }
}

}  // namespace

void paste_cuda(const float* crop, const float* mask, int height, int width, const Placing& placing, bool cubic,
                float least_mask, const Target& target, void* stream) {
  if (!(least_mask > 0)) throw std::invalid_argument("paste: least_mask > 0 expected");
  if (target.height > 65535 * kBlockHeight) throw std::invalid_argument("paste: the region is too high");
  const dim3 grid(unsigned((target.width + kBlockWidth - 1) / kBlockWidth), unsigned((target.height + kBlockHeight - 1) / kBlockHeight));
  const auto kernel = cubic ? blend<true> : blend<false>;
  kernel<<<grid, dim3(kBlockWidth, kBlockHeight), 0, static_cast<cudaStream_t>(stream)>>>({crop, mask, height, width}, placing, least_mask,
                                                                         target);
  require_launch(cudaGetLastError(), "paste");
}

}  // namespace facesdk
