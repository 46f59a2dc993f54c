#include <math.h>

#include "adain/activation.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

template <typename T, bool Noise>
void run(const AdainForward& call, size_t plane) {
  const AdainInputs& in = call.in;
  const Activation<T, Noise> active(in, plane);
  // The sums are taken about a value of the plane, so that a large mean does not drown a small variance.
  const float pivot = active.of_one(active.before_one(in.pixels / 2));
  const Floats pivots = all(pivot);
  double total, squares;
  two_sums(
      in.pixels,
      [&](size_t i, Floats& s, Floats& q) {
        const Floats d = active.of(active.before(i)) - pivots;
        s = s + d;
        q = multiply_add(d, d, q);
      },
      [&](size_t i, double& s, double& q) {
        const double d = active.of_one(active.before_one(i)) - pivot;
        s += d;
        q += d * d;
      },
      total, squares);
  const double mean = total / in.pixels, spread = squares / in.pixels - mean * mean;
  const double inverse = 1.0 / sqrt((spread > 0.0 ? spread : spread <= 0.0 ? 0.0 : spread) + call.epsilon);
  const float scale = float(in.gamma[plane] * inverse), shift = float(call.beta[plane] - (pivot + mean) * scale);
  call.mean[plane] = float(pivot + mean);
  call.inverse[plane] = float(inverse);
  T* out = static_cast<T*>(call.out) + plane * in.pixels;
  const Floats scales = all(scale), shifts = all(shift);
  const size_t width = Floats::width, whole = in.pixels / width * width;
  // Activated twice: the plane is in a cache, and a rounded copy of it would cost precision.
  for (size_t i = 0; i < whole; i += width) {
    store(out + i, multiply_add(active.of(active.before(i)), scales, shifts));
  }
  for (size_t i = whole; i < in.pixels; ++i) put(out + i, active.of_one(active.before_one(i)) * scale + shift);
}

}  // namespace

void adain_forward_planes(const AdainForward& call, size_t first, size_t last) {
  const bool noise = call.in.noise != nullptr;
  const auto kernel = call.in.data == Data::f32 ? noise ? run<float, true> : run<float, false>
                      : noise                   ? run<Bf16, true>
                                                : run<Bf16, false>;
  for (size_t plane = first; plane < last; ++plane) kernel(call, plane);
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
