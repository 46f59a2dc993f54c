#include <math.h>

#include "adain/adain.h"
#include "common/simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

constexpr int kUnrolled = 4;
// Sums run in float within a block and in double over blocks.
constexpr size_t kBlock = 8192;
// Planes that stay in the first cache are activated twice, which costs less than to write them twice.
constexpr size_t kSmall = 6144;

// One plane of (batch, channel).
struct Plane {
  const float* x;
  const float* noise;
  float* out;
  size_t pixels;
  float noise_weight, bias, slope, gamma, beta, epsilon;
};

struct Constants {
  Floats weight, bias, slope;
};

// lrelu(x + w noise + b) at pixel i and on; max(a, slope a) is leaky ReLU for 0 <= slope <= 1.
template <bool Noise>
FACESDK_INLINE Floats activated(const Plane& p, const Constants& c, size_t i) {
  const Floats a = load(p.x + i) + (Noise ? multiply_add(c.weight, load(p.noise + i), c.bias) : c.bias);
  return larger(a, a * c.slope);
}

template <bool Noise>
FACESDK_INLINE float activated(const Plane& p, size_t i) {
  const float a = p.x[i] + (Noise ? p.noise_weight * p.noise[i] + p.bias : p.bias);
  return a > a * p.slope ? a : a * p.slope;
}

template <bool Noise, bool Small>
void run(const Plane& p) {
  const size_t step = size_t(kUnrolled) * Floats::width, whole = p.pixels / step * step;
  const Constants constants{all(p.noise_weight), all(p.bias), all(p.slope)};
  // The sums are taken about a value of the plane, so that a large mean does not drown a small variance.
  const float pivot = activated<Noise>(p, p.pixels / 2);
  const Floats pivots = all(pivot);
  double total = 0.0, squares = 0.0;
  for (size_t start = 0; start < whole; start += kBlock) {
    const size_t end = start + kBlock < whole ? start + kBlock : whole;
    Floats s[kUnrolled], q[kUnrolled];
    for (int k = 0; k < kUnrolled; ++k) s[k] = q[k] = all(0.0f);
    for (size_t i = start; i < end; i += step) {
      for (int k = 0; k < kUnrolled; ++k) {
        const Floats a = activated<Noise>(p, constants, i + k * Floats::width);
        if (!Small) store(p.out + i + k * Floats::width, a);
        const Floats d = a - pivots;
        s[k] = s[k] + d;
        q[k] = multiply_add(d, d, q[k]);
      }
    }
    total += sum((s[0] + s[1]) + (s[2] + s[3]));
    squares += sum((q[0] + q[1]) + (q[2] + q[3]));
  }
  for (size_t i = whole; i < p.pixels; ++i) {
    const float a = activated<Noise>(p, i);
    if (!Small) p.out[i] = a;
    total += a - pivot;
    squares += double(a - pivot) * (a - pivot);
  }
  const double mean = total / p.pixels;
  const double spread = squares / p.pixels - mean * mean;
  const double variance = spread > 0.0 ? spread : 0.0;
  const float scale = float(p.gamma / sqrt(variance + p.epsilon));
  const float shift = float(p.beta - (pivot + mean) * scale);
  const Floats scales = all(scale), shifts = all(shift);
  const auto value = [&](size_t i) { return Small ? activated<Noise>(p, constants, i) : load(p.out + i); };
  for (size_t i = whole; i < p.pixels; ++i) p.out[i] = (Small ? activated<Noise>(p, i) : p.out[i]) * scale + shift;
  for (size_t i = 0; i < whole; i += step) {
    for (int k = 0; k < kUnrolled; ++k) {
      const size_t at = i + k * Floats::width;
      store(p.out + at, multiply_add(value(at), scales, shifts));
    }
  }
}

}  // namespace

void adain_planes(const AdainCall& call, size_t first, size_t last) {
  const bool small = call.pixels <= kSmall;
  const auto kernel = call.noise ? small ? run<true, true> : run<true, false> : small ? run<false, true> : run<false, false>;
  for (size_t index = first; index < last; ++index) {
    const size_t channel = index % call.channels, start = index * call.pixels;
    kernel({call.x + start, call.noise, call.out + start, call.pixels,
            call.noise_weight ? call.noise_weight[channel] : 1.0f, call.bias ? call.bias[channel] : 0.0f, call.slope,
            call.gamma[index], call.beta[index], call.epsilon});
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
