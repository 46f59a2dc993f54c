#include "adain/activation.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// With n = (y - mean) inverse and g the gradient of out = gamma n + beta:
// grad_beta = sum g, grad_gamma = sum g n, grad_y = gamma inverse (g - mean(g) - n mean(g n)).
template <typename T, bool Noise>
void run(const AdainBackward& call, size_t plane) {
  const AdainInputs& in = call.in;
  const Activation<T, Noise> active(in, plane);
  const T* grad_out = static_cast<const T*>(call.grad_out) + plane * in.pixels;
  T* grad_x = static_cast<T*>(call.grad_x) + plane * in.pixels;
  const float mean = call.mean[plane], inverse = call.inverse[plane];
  const Floats means = all(mean);
  double beta, product;
  two_sums(
      in.pixels,
      [&](size_t i, Floats& s, Floats& q) {
        const Floats g = load(grad_out + i);
        s = s + g;
        q = multiply_add(g, active.of(active.before(i)) - means, q);
      },
      [&](size_t i, double& s, double& q) {
        const float g = to_float(grad_out[i]);
        s += g;
        q += double(g) * (active.of_one(active.before_one(i)) - mean);
      },
      beta, product);
  call.grad_beta[plane] = float(beta);
  call.grad_gamma[plane] = float(product * inverse);
  // grad_y = a g + b (y - mean) + c.
  const double each = double(in.gamma[plane]) * inverse, pixels = double(in.pixels);
  const float a = float(each), b = float(-each * product * inverse * inverse / pixels), c = float(-each * beta / pixels);
  const Floats as = all(a), bs = all(b), cs = all(c);
  double bias, weight;
  two_sums(
      in.pixels,
      [&](size_t i, Floats& s, Floats& q) {
        const Floats before = active.before(i);
        const Floats y = multiply_add(active.of(before) - means, bs, multiply_add(load(grad_out + i), as, cs));
        const Floats x = if_positive(before, y, y * active.slopes);
        store(grad_x + i, x);
        s = s + x;
        if (Noise) q = multiply_add(x, load(active.noise + i), q);
      },
      [&](size_t i, double& s, double& q) {
        const float before = active.before_one(i);
        const float y = (active.of_one(before) - mean) * b + (to_float(grad_out[i]) * a + c);
        const float x = before > 0.0f ? y : y * active.slope;
        put(grad_x + i, x);
        s += x;
        if (Noise) q += double(x) * to_float(active.noise[i]);
      },
      bias, weight);
  call.grad_bias[plane] = float(bias);
  call.grad_noise_weight[plane] = float(weight);
}

}  // namespace

void adain_backward_planes(const AdainBackward& call, size_t first, size_t last) {
  const bool noise = call.in.noise != nullptr;
  const auto kernel = call.in.data == Data::f32 ? noise ? run<float, true> : run<float, false>
                      : noise                   ? run<Bf16, true>
                                                : run<Bf16, false>;
  for (size_t plane = first; plane < last; ++plane) kernel(call, plane);
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
