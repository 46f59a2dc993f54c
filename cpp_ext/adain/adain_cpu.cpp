#include <math.h>

#include <algorithm>

#include "adain/adain.h"
#include "common/simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

constexpr int kUnrolled = 4;
constexpr size_t kStep = size_t(kUnrolled) * Floats::width;
// Sums run in float within a block and in double over blocks.
constexpr size_t kBlock = 8192;
// Activated pixels of small planes are kept here, in the first cache, so that memory is written once; those of large
// planes are kept in the output.
constexpr size_t kKept = 4096;
// Planes whose moments are taken together: the divisions and roots of one do not wait for those of another.
constexpr size_t kMostTogether = 4;
// The next planes are fetched while these are written, unless they would drive these out of the second cache.
constexpr size_t kMostFetched = size_t(1) << 17;
constexpr size_t kLine = 16;  // floats of a cache line

// Sums over a plane, of its pixels and of their squares.
struct Moments {
  double total, squares;
};

struct Affine {
  float scale, shift;
};

// Writes lrelu(x + w noise + b) - pivot. The pivot is a value of the plane, so that a large mean does not drown a small
// variance. max(a, slope a) is leaky ReLU for 0 <= slope <= 1; with a' = a - pivot it is pivot + max(a', slope a' + bend).
template <bool Noise>
FACESDK_INLINE Moments activate(const AdainCall& call, size_t plane, float* kept) {
  const size_t pixels = call.pixels, whole = pixels / kStep * kStep, channel = plane % call.channels;
  const float *x = call.x + plane * pixels, *noise = call.noise;
  const float weight = call.noise_weight ? call.noise_weight[channel] : 1.0f, slope = call.slope;
  const float added = call.bias ? call.bias[channel] : 0.0f;
  const float middle = x[pixels / 2] + (Noise ? weight * noise[pixels / 2] + added : added);
  const float pivot = middle > middle * slope ? middle : middle * slope;
  const float bias = added - pivot, bend = slope * pivot - pivot;
  const Floats weights = all(weight), biases = all(bias), slopes = all(slope), bends = all(bend);
  Moments out{0.0, 0.0};
  for (size_t start = 0; start < whole; start += kBlock) {
    const size_t end = std::min(start + kBlock, whole);
    Floats s[kUnrolled], q[kUnrolled];
    for (int k = 0; k < kUnrolled; ++k) s[k] = q[k] = all(0.0f);
    for (size_t i = start; i < end; i += kStep) {
      for (int k = 0; k < kUnrolled; ++k) {
        const size_t at = i + k * Floats::width;
        const Floats a = load(x + at) + (Noise ? multiply_add(weights, load(noise + at), biases) : biases);
        const Floats d = larger(a, multiply_add(a, slopes, bends));
        store(kept + at, d);
        s[k] = s[k] + d;
        q[k] = multiply_add(d, d, q[k]);
      }
    }
    out.total += sum((s[0] + s[1]) + (s[2] + s[3]));
    out.squares += sum((q[0] + q[1]) + (q[2] + q[3]));
  }
  for (size_t i = whole; i < pixels; ++i) {
    const float a = x[i] + (Noise ? weight * noise[i] + bias : bias), low = a * slope + bend;
    kept[i] = a > low ? a : low;
    out.total += kept[i];
    out.squares += double(kept[i]) * kept[i];
  }
  return out;
}

template <bool Fetch>
FACESDK_INLINE void modulate(const float* kept, Affine affine, size_t pixels, const float* next, float* out) {
  const size_t whole = pixels / kStep * kStep;
  const Floats scales = all(affine.scale), shifts = all(affine.shift);
  for (size_t i = 0; i < whole; i += kStep) {
    for (size_t line = 0; Fetch && line < kStep; line += kLine) fetch(next + i + line);
    for (int k = 0; k < kUnrolled; ++k) {
      const size_t at = i + k * Floats::width;
      store(out + at, multiply_add(load(kept + at), scales, shifts));
    }
  }
  for (size_t i = whole; i < pixels; ++i) out[i] = kept[i] * affine.scale + affine.shift;
}

template <bool Noise>
void run(const AdainCall& call, size_t first, size_t last) {
  alignas(64) float scratch[kKept];
  const size_t pixels = call.pixels;
  const bool is_small = pixels <= kKept;
  const size_t together = is_small ? std::min(kMostTogether, kKept / pixels) : 1;
  Moments moments[kMostTogether];
  Affine affines[kMostTogether];
  for (size_t start = first; start < last; start += together) {
    const size_t count = std::min(together, last - start);
    float* kept = is_small ? scratch : call.out + start * pixels;
    for (size_t k = 0; k < count; ++k) moments[k] = activate<Noise>(call, start + k, kept + k * pixels);
    for (size_t k = 0; k < count; ++k) {
      const double mean = moments[k].total / pixels, spread = moments[k].squares / pixels - mean * mean;
      const double variance = spread > 0.0 ? spread : 0.0;
      const float scale = float(call.gamma[start + k] / sqrt(variance + call.epsilon));
      affines[k] = {scale, float(call.beta[start + k] - mean * scale)};
    }
    for (size_t k = 0; k < count; ++k) {
      const size_t plane = start + k, ahead = plane + together;
      float* out = call.out + plane * pixels;
      if (ahead < last && pixels <= kMostFetched) {
        modulate<true>(kept + k * pixels, affines[k], pixels, call.x + ahead * pixels, out);
      } else {
        modulate<false>(kept + k * pixels, affines[k], pixels, nullptr, out);
      }
    }
  }
}

}  // namespace

void adain_planes(const AdainCall& call, size_t first, size_t last) {
  (call.noise ? run<true> : run<false>)(call, first, last);
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
