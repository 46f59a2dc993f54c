// One plane's noise, bias and leaky ReLU, and a loop over its pixels. For *_cpu.cpp files only.
#pragma once

#include "adain/adain_training.h"
#include "common/training_simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {

// Sums run in float within a block and in double over blocks.
constexpr size_t kSumBlock = 8192;
constexpr int kChains = 4;

template <typename T, bool Noise>
struct Activation {
  const T *x, *noise;
  float weight, bias, slope;
  Floats weights, biases, slopes;

  Activation(const AdainInputs& in, size_t plane) {
    const size_t channel = plane % in.channels, sample = plane / in.channels;
    x = static_cast<const T*>(in.x) + plane * in.pixels;
    noise = Noise ? static_cast<const T*>(in.noise) + (in.noise_batch > 1 ? sample * in.pixels : 0) : nullptr;
    weight = in.noise_weight ? in.noise_weight[channel] : 1.0f;
    bias = in.bias ? in.bias[channel] : 0.0f;
    slope = in.slope;
    weights = all(weight), biases = all(bias), slopes = all(slope);
  }

  // x + weight noise + bias at pixel i, or at i and on.
  Floats before(size_t i) const {
    return load(x + i) + (Noise ? multiply_add(weights, load(noise + i), biases) : biases);
  }
  float before_one(size_t i) const {
    return to_float(x[i]) + (Noise ? weight * to_float(noise[i]) + bias : bias);
  }
  // max(a, slope a) is leaky ReLU for 0 <= slope <= 1.
  Floats of(Floats a) const { return larger(a, a * slopes); }
  float of_one(float a) const { return a > a * slope ? a : a * slope; }
};

// Two sums over a plane: vector(i, s, q) adds the pixels at i and on to both, one(i, s, q) a single pixel.
template <typename Vector, typename One>
FACESDK_INLINE void two_sums(size_t pixels, const Vector& vector, const One& one, double& first, double& second) {
  const size_t width = Floats::width, step = kChains * width, whole = pixels / width * width;
  first = second = 0.0;
  for (size_t start = 0; start < whole; start += kSumBlock) {
    const size_t end = start + kSumBlock < whole ? start + kSumBlock : whole;
    Floats s[kChains], q[kChains];
    for (int k = 0; k < kChains; ++k) s[k] = q[k] = all(0.0f);
    size_t i = start;
    for (; i + step <= end; i += step) {
      for (int k = 0; k < kChains; ++k) vector(i + k * width, s[k], q[k]);
    }
    for (; i < end; i += width) vector(i, s[0], q[0]);
    first += sum((s[0] + s[1]) + (s[2] + s[3]));
    second += sum((q[0] + q[1]) + (q[2] + q[3]));
  }
  for (size_t i = whole; i < pixels; ++i) one(i, first, second);
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
