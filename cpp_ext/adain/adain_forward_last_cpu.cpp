#include <math.h>

#include "adain/channel_activation.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

template <typename T>
struct Forward {
  const AdainForward& call;

  template <int V>
  void operator()(size_t sample, const size_t* starts) const {
    constexpr int width = Floats::width;
    const AdainInputs& in = call.in;
    const ChannelActivation<T, V> active(in, sample, starts);
    // As in adain_forward_cpu.cpp: the sums are taken about a value of each channel.
    Floats pivots[V], scales[V], shifts[V];
    const Floats middle = active.grain(in.pixels / 2);
    for (int v = 0; v < V; ++v) pivots[v] = active.of(active.before(in.pixels / 2, v, middle));
    double total[kMostLanes], squares[kMostLanes];
    channel_sums<V>(
        in.pixels,
        [&](size_t pixel, Floats* s, Floats* q) {
          const Floats grain = active.grain(pixel);
          for (int v = 0; v < V; ++v) {
            const Floats d = active.of(active.before(pixel, v, grain)) - pivots[v];
            s[v] = s[v] + d;
            q[v] = multiply_add(d, d, q[v]);
          }
        },
        total, squares);
    for (int v = 0; v < V; ++v) {
      float pivot[width], scale[width], shift[width];
      store(pivot, pivots[v]);
      for (int i = 0; i < width; ++i) {
        const size_t plane = sample * in.channels + starts[v] + i;
        const double mean = total[v * width + i] / in.pixels, spread = squares[v * width + i] / in.pixels - mean * mean;
        const double inverse = 1.0 / sqrt((spread > 0.0 ? spread : spread <= 0.0 ? 0.0 : spread) + call.epsilon);
        scale[i] = float(in.gamma[plane] * inverse);
        shift[i] = float(call.beta[plane] - (pivot[i] + mean) * scale[i]);
        call.mean[plane] = float(pivot[i] + mean);
        call.inverse[plane] = float(inverse);
      }
      scales[v] = load(scale), shifts[v] = load(shift);
    }
    T* out = static_cast<T*>(call.out) + sample * in.pixels * in.channels;
    for (size_t pixel = 0; pixel < in.pixels; ++pixel) {
      const Floats grain = active.grain(pixel);
      for (int v = 0; v < V; ++v) {
        store(out + active.at(pixel, v), multiply_add(active.of(active.before(pixel, v, grain)), scales[v], shifts[v]));
      }
    }
  }
};

}  // namespace

void adain_forward_samples(const AdainForward& call, size_t first, size_t last) {
  const size_t channels = call.in.channels;
  if (call.in.data == Data::f32) {
    over_channels(channels, first, last, Forward<float>{call});
  } else {
    over_channels(channels, first, last, Forward<Bf16>{call});
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
