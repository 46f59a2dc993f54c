#include "adain/channel_activation.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// The formulas stand in adain_backward_cpu.cpp.
template <typename T>
struct Backward {
  const AdainBackward& call;

  template <int V>
  void operator()(size_t sample, const size_t* starts) const {
    constexpr int width = Floats::width;
    const AdainInputs& in = call.in;
    const ChannelActivation<T, V> active(in, sample, starts);
    const T* grad_out = static_cast<const T*>(call.grad_out) + sample * in.pixels * in.channels;
    T* grad_x = static_cast<T*>(call.grad_x) + sample * in.pixels * in.channels;
    Floats means[V], as[V], bs[V], cs[V];
    for (int v = 0; v < V; ++v) means[v] = load(call.mean + sample * in.channels + starts[v]);
    double first[kMostLanes], second[kMostLanes];
    channel_sums<V>(
        in.pixels,
        [&](size_t pixel, Floats* s, Floats* q) {
          const Floats grain = active.grain(pixel);
          for (int v = 0; v < V; ++v) {
            const Floats g = load(grad_out + active.at(pixel, v));
            s[v] = s[v] + g;
            q[v] = multiply_add(g, active.of(active.before(pixel, v, grain)) - means[v], q[v]);
          }
        },
        first, second);
    for (int v = 0; v < V; ++v) {
      float a[width], b[width], c[width];
      for (int i = 0; i < width; ++i) {
        const size_t plane = sample * in.channels + starts[v] + i;
        const double beta = first[v * width + i], product = second[v * width + i], pixels = double(in.pixels);
        const float inverse = call.inverse[plane];
        const double each = double(in.gamma[plane]) * inverse;
        call.grad_beta[plane] = float(beta);
        call.grad_gamma[plane] = float(product * inverse);
        a[i] = float(each);
        b[i] = float(-each * product * inverse * inverse / pixels);
        c[i] = float(-each * beta / pixels);
      }
      as[v] = load(a), bs[v] = load(b), cs[v] = load(c);
    }
    channel_sums<V>(
        in.pixels,
        [&](size_t pixel, Floats* s, Floats* q) {
          const Floats grain = active.grain(pixel);
          for (int v = 0; v < V; ++v) {
            const size_t i = active.at(pixel, v);
            const Floats before = active.before(pixel, v, grain);
            const Floats y =
                multiply_add(active.of(before) - means[v], bs[v], multiply_add(load(grad_out + i), as[v], cs[v]));
            const Floats x = if_positive(before, y, y * active.slopes);
            store(grad_x + i, x);
            s[v] = s[v] + x;
            q[v] = multiply_add(x, grain, q[v]);
          }
        },
        first, second);
    for (int v = 0; v < V; ++v) {
      for (int i = 0; i < width; ++i) {
        const size_t plane = sample * in.channels + starts[v] + i;
        call.grad_bias[plane] = float(first[v * width + i]);
        call.grad_noise_weight[plane] = float(second[v * width + i]);
      }
    }
  }
};

}  // namespace

void adain_backward_samples(const AdainBackward& call, size_t first, size_t last) {
  const size_t channels = call.in.channels;
  if (call.in.data == Data::f32) {
    over_channels(channels, first, last, Backward<float>{call});
  } else {
    over_channels(channels, first, last, Backward<Bf16>{call});
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
