#include <math.h>

#include <algorithm>

#include "adain/adain.h"
#include "common/simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

constexpr int kUnrolled = 4;
constexpr size_t kStep = size_t(kUnrolled) * Floats::width;
// Planes up to so many pixels stay in the first cache from their moments to their modulation.
constexpr size_t kSmall = 4096;
// Their moments are taken together: the divisions and roots of one do not wait for those of another.
constexpr size_t kMostTogether = 4;
// Larger planes go in chunks, whose noise stays in the first cache: those of the planes that are measured and those of the
// planes before them, that are written, by turns, so that the memory always has both to do.
constexpr size_t kChunk = 1024;
// Planes up to so many pixels go in pairs, which read the noise half as often and still fit into the second cache.
constexpr size_t kMedium = size_t(1) << 16;
// An output of so many floats is written past the caches: its lines need not be read first, and whoever reads it next
// would find little of it there. Measured with that reader's time: 8 MB lose a sixth, 16 MB gain a tenth, 64 MB a sixth.
constexpr size_t kStreamed = size_t(3) << 20;
constexpr size_t kLine = 64;  // bytes of a cache line

// One plane and what is known of it. Its pixels are activated twice, since a copy would cost more than it saves.
struct Plane {
  const float* x;
  float* out;
  float weight, bias, slope, bend;  // see `opened`
  double total, squares;            // of the activated pixels less the pivot
  float scale, shift;               // from those to the output
};

// The moments are taken about a pivot, a value of the plane, so that a large mean does not drown a small variance.
// max(a, slope a) is leaky ReLU for 0 <= slope <= 1; with a' = a - pivot it is pivot + max(a', slope a' + bend).
FACESDK_INLINE Plane opened(const AdainCall& call, size_t plane) {
  const size_t channel = plane % call.channels, half = call.pixels / 2;
  const float* x = call.x + plane * call.pixels;
  const float weight = call.noise_weight ? call.noise_weight[channel] : 1.0f, slope = call.slope;
  const float added = call.bias ? call.bias[channel] : 0.0f;
  const float middle = x[half] + (call.noise ? weight * call.noise[half] + added : added);
  const float pivot = middle > middle * slope ? middle : middle * slope;
  return {x, call.out + plane * call.pixels, weight, added - pivot, slope, slope * pivot - pivot, 0.0, 0.0, 0.0f, 0.0f};
}

// lrelu(x + weight noise + bias) - pivot, at pixel i and those that follow it within a vector, or at i alone.
template <bool Noise>
struct Activation {
  const float *x, *noise;
  float weight, bias, slope, bend;
  Floats weights, biases, slopes, bends;

  Activation(const Plane& plane, const float* grain)
      : x(plane.x), noise(grain), weight(plane.weight), bias(plane.bias), slope(plane.slope), bend(plane.bend) {
    weights = all(weight), biases = all(bias), slopes = all(slope), bends = all(bend);
  }

  Floats at(size_t i) const {
    const Floats a = load(x + i) + (Noise ? multiply_add(weights, load(noise + i), biases) : biases);
    return larger(a, multiply_add(a, slopes, bends));
  }
  float at_one(size_t i) const {
    const float a = x[i] + (Noise ? weight * noise[i] + bias : bias), low = a * slope + bend;
    return a > low ? a : low;
  }
};

// Adds the pixels from first to last to the plane's sums: in float here, in double from call to call.
template <bool Noise>
FACESDK_INLINE void measure(Plane& plane, const float* noise, size_t first, size_t last) {
  const Activation<Noise> active(plane, noise);
  const size_t whole = first + (last - first) / kStep * kStep;
  Floats s[kUnrolled], q[kUnrolled];
  for (int k = 0; k < kUnrolled; ++k) s[k] = q[k] = all(0.0f);
  for (size_t i = first; i < whole; i += kStep) {
    for (int k = 0; k < kUnrolled; ++k) {
      const Floats d = active.at(i + k * Floats::width);
      s[k] = s[k] + d;
      q[k] = multiply_add(d, d, q[k]);
    }
  }
  plane.total += sum((s[0] + s[1]) + (s[2] + s[3]));
  plane.squares += sum((q[0] + q[1]) + (q[2] + q[3]));
  for (size_t i = whole; i < last; ++i) {
    const float d = active.at_one(i);
    plane.total += d;
    plane.squares += double(d) * d;
  }
}

FACESDK_INLINE void finish(const AdainCall& call, size_t index, Plane& plane) {
  const double mean = plane.total / call.pixels, spread = plane.squares / call.pixels - mean * mean;
  plane.scale = float(call.gamma[index] / sqrt((spread > 0.0 ? spread : 0.0) + call.epsilon));
  plane.shift = float(call.beta[index] - mean * plane.scale);
}

template <bool Noise, bool Stream>
FACESDK_INLINE void modulate(const Plane& plane, const float* noise, size_t first, size_t last, const float* next) {
  const Activation<Noise> active(plane, noise);
  const size_t whole = first + (last - first) / kStep * kStep;
  const Floats scales = all(plane.scale), shifts = all(plane.shift);
  for (size_t i = first; i < whole; i += kStep) {
    for (int k = 0; k < kUnrolled; ++k) {
      const size_t at = i + k * Floats::width;
      const Floats y = multiply_add(active.at(at), scales, shifts);
      if (Stream) {
        fetch(next + at);
        stream(plane.out + at, y);
      } else {
        store(plane.out + at, y);
      }
    }
  }
  for (size_t i = whole; i < last; ++i) plane.out[i] = active.at_one(i) * plane.scale + plane.shift;
}

template <bool Noise>
void run_small(const AdainCall& call, size_t first, size_t last) {
  const size_t pixels = call.pixels, together = std::min(kMostTogether, kSmall / pixels);
  Plane planes[kMostTogether];
  for (size_t start = first; start < last; start += together) {
    const size_t count = std::min(together, last - start);
    for (size_t k = 0; k < count; ++k) {
      planes[k] = opened(call, start + k);
      measure<Noise>(planes[k], call.noise, 0, pixels);
    }
    for (size_t k = 0; k < count; ++k) finish(call, start + k, planes[k]);
    for (size_t k = 0; k < count; ++k) modulate<Noise, false>(planes[k], call.noise, 0, pixels, nullptr);
  }
}

template <bool Noise, bool Stream>
void run_large(const AdainCall& call, size_t first, size_t last) {
  const size_t pixels = call.pixels, together = pixels <= kMedium ? 2 : 1;
  Plane measured[2], written[2];
  size_t behind = 0;  // planes to write
  for (size_t start = first; start < last || behind; start += together) {
    const size_t count = start < last ? std::min(together, last - start) : 0;
    for (size_t k = 0; k < count; ++k) measured[k] = opened(call, start + k);
    for (size_t i = 0; i < pixels; i += kChunk) {
      const size_t end = std::min(i + kChunk, pixels);
      for (size_t k = 0; k < count; ++k) measure<Noise>(measured[k], call.noise, i, end);
      for (size_t k = 0; k < behind; ++k) {
        const float* next = k < count ? measured[k].x + kChunk : written[k].x;
        modulate<Noise, Stream>(written[k], call.noise, i, end, next);
      }
    }
    for (size_t k = 0; k < count; ++k) {
      finish(call, start + k, measured[k]);
      written[k] = measured[k];
    }
    behind = count;
  }
  if (Stream) await_streams();
}

template <bool Noise>
void run(const AdainCall& call, size_t first, size_t last) {
  const bool is_aligned = reinterpret_cast<uintptr_t>(call.out) % kLine == 0 && call.pixels * sizeof(float) % kLine == 0;
  // Over the input, its lines are in a cache already.
  if (call.pixels <= kSmall) {
    run_small<Noise>(call, first, last);
  } else if (is_aligned && call.out != call.x && call.batch * call.channels * call.pixels >= kStreamed) {
    run_large<Noise, true>(call, first, last);
  } else {
    run_large<Noise, false>(call, first, last);
  }
}

}  // namespace

void adain_planes(const AdainCall& call, size_t first, size_t last) {
  (call.noise ? run<true> : run<false>)(call, first, last);
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
