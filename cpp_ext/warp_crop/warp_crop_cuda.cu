// A thread for each pixel of a crop. The blur before is OpenCV's in whole numbers, so that the pixels are the CPU's.
#include "cuda/device.h"
#include "warp_crop/plan.h"
#include "warp_crop/warp_crop_cuda.h"

namespace facesdk {
namespace {

constexpr int kThreads = 256;

// Row or column that stands at a place beyond the picture's border: mirrored, the outermost pixel once.
__device__ __forceinline__ int mirrored(int place, int length) {
  if (length == 1) return 0;
  const int period = 2 * length - 2, inside = (place % period + period) % period;
  return inside < length ? inside : period - inside;
}

// Sums over a row, of the window's rows and `radius` more on both sides: 255 * 256 fits 16 bits.
__global__ void __launch_bounds__(kThreads) blur_rows(Picture picture, Blur blur, Window window, uint16_t* out) {
  const int length = 3 * (window.x1 - window.x0), rows = window.y1 - window.y0 + 2 * blur.radius;
  const size_t i = size_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= size_t(rows) * length) return;
  const int row = int(i / length), at = int(i % length), channel = at % 3, column = window.x0 + at / 3;
  const uint8_t* from = picture.data + mirrored(window.y0 - blur.radius + row, picture.height) * picture.stride + channel;
  unsigned sum = 0;
  for (int k = 0; k <= 2 * blur.radius; ++k) {
    sum += blur.taps[k] * from[3 * mirrored(column - blur.radius + k, picture.width)];
  }
  out[i] = uint16_t(sum);
}

__global__ void __launch_bounds__(kThreads) blur_columns(const uint16_t* rows, Blur blur, Window window, uint8_t* out) {
  const int length = 3 * (window.x1 - window.x0);
  const size_t i = size_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= size_t(window.y1 - window.y0) * length) return;
  unsigned sum = 1u << 15;
  for (int k = 0; k <= 2 * blur.radius; ++k) sum += blur.taps[k] * rows[i + size_t(k) * length];
  out[i] = uint8_t(sum >> 16);
}

__device__ __forceinline__ int clamped(double value, int limit) {
  return value < 0.0 ? 0 : value > limit ? limit : int(value);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    sample(Picture picture, Sampling from, int size, bool swap_channels, float scale, float offset, T* out) {
  const int i = blockIdx.x * kThreads + threadIdx.x, plane = size * size;
  if (i >= plane) return;
  const double column = i % size, row = i / size;
  const double x = from.xx * column + from.xy * row + from.x0, y = from.yx * column + from.yy * row + from.y0;
  const double left = floor(x), above = floor(y);
  const float right = float(x - left), down = float(y - above);
  const int last_x = picture.width - 1, last_y = picture.height - 1;
  const int x0 = 3 * clamped(left, last_x), x1 = 3 * clamped(left + 1.0, last_x);
  const uint8_t* top = picture.data + clamped(above, last_y) * picture.stride;
  const uint8_t* bottom = picture.data + clamped(above + 1.0, last_y) * picture.stride;
#pragma unroll
  for (int channel = 0; channel < 3; ++channel) {
    const float a = top[x0 + channel], b = top[x1 + channel], c = bottom[x0 + channel], d = bottom[x1 + channel];
    // Rounded after every step, as on the CPU: nothing may be fused where half a level decides.
    const float first = __fadd_rn(a, __fmul_rn(right, b - a)), second = __fadd_rn(c, __fmul_rn(right, d - c));
    const float value = rintf(__fadd_rn(first, __fmul_rn(down, __fsub_rn(second, first))));
    const int target = swap_channels ? 2 - channel : channel;
    out[size_t(target) * plane + i] = from_float<T>(__fadd_rn(__fmul_rn(value, scale), offset));
  }
}

unsigned blocks(size_t count) { return unsigned((count + kThreads - 1) / kThreads); }

// Bytes of the sums over rows, at a multiple of 16.
size_t row_bytes(const Blur& blur, const Window& window) {
  const size_t count = size_t(window.y1 - window.y0 + 2 * blur.radius) * 3 * (window.x1 - window.x0);
  return (2 * count + 15) / 16 * 16;
}

template <typename T>
void launch(const Picture& picture, const double* matrices, size_t count, int size, bool swap_channels, float scale,
            float offset, T* out, uint8_t* workspace, cudaStream_t stream) {
  const size_t plane = size_t(size) * size;
  for (size_t crop = 0; crop < count; ++crop) {
    const double* matrix = matrices + 6 * crop;
    Sampling from = inverse(matrix);
    Picture part = picture;
    const Blur blur = gaussian(shrink_of(matrix));
    if (blur.radius > 0) {
      const Window window = seen(from, picture, size, 0, size);
      // Crops follow each other on the stream, so that all may use the same memory.
      uint16_t* rows = reinterpret_cast<uint16_t*>(workspace);
      uint8_t* copy = workspace + row_bytes(blur, window);
      const size_t length = 3 * size_t(window.x1 - window.x0), high = window.y1 - window.y0;
      blur_rows<<<blocks((high + 2 * blur.radius) * length), kThreads, 0, stream>>>(picture, blur, window, rows);
      blur_columns<<<blocks(high * length), kThreads, 0, stream>>>(rows, blur, window, copy);
      from.x0 -= window.x0;
      from.y0 -= window.y0;
      part = {copy, window.y1 - window.y0, window.x1 - window.x0, ptrdiff_t(length)};
    }
    sample<T><<<blocks(plane), kThreads, 0, stream>>>(part, from, size, swap_channels, scale, offset,
                                                      out + 3 * plane * crop);
    require_launch(cudaGetLastError(), "warp_crop");
  }
}

}  // namespace

size_t warp_crop_workspace(int height, int width, const double* matrices, size_t count, int size) {
  size_t most = 0;
  for (size_t crop = 0; crop < count; ++crop) {
    const double* matrix = matrices + 6 * crop;
    const Blur blur = gaussian(shrink_of(matrix));
    if (blur.radius == 0) continue;
    const Window window = seen(inverse(matrix), {nullptr, height, width, 0}, size, 0, size);
    const size_t copy = 3 * size_t(window.x1 - window.x0) * (window.y1 - window.y0);
    most = std::max(most, row_bytes(blur, window) + copy);
  }
  return most;
}

void warp_crop_cuda(const Picture& picture, const double* matrices, size_t count, int size, bool swap_channels, float scale,
                    float offset, Data data, void* out, uint8_t* workspace, void* stream) {
  if (size < 1 || size > 16384) throw std::invalid_argument("warp_crop: size of 1 to 16384 expected");
  const cudaStream_t on = static_cast<cudaStream_t>(stream);
  if (data == Data::f32) {
    launch(picture, matrices, count, size, swap_channels, scale, offset, static_cast<float*>(out), workspace, on);
  } else if (data == Data::f16) {
    launch(picture, matrices, count, size, swap_channels, scale, offset, static_cast<__half*>(out), workspace, on);
  } else {
    throw std::invalid_argument("warp_crop: out of float32 or float16 expected");
  }
}

}  // namespace facesdk
