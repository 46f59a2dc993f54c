// One plane's noise, bias and leaky ReLU on the device, as adain/activation.h.
#pragma once

#include "adain/adain_training.h"
#include "cuda/device.h"

namespace facesdk {

template <typename T>
struct PlaneActivation {
  const T *x, *noise;
  float weight, bias, slope;

  __device__ PlaneActivation(const AdainInputs& in, size_t plane) {
    const size_t channel = plane % in.channels, sample = plane / in.channels;
    x = static_cast<const T*>(in.x) + plane * in.pixels;
    noise = in.noise ? static_cast<const T*>(in.noise) + (in.noise_batch > 1 ? sample * in.pixels : 0) : nullptr;
    weight = in.noise_weight ? in.noise_weight[channel] : 1.0f;
    bias = in.bias ? in.bias[channel] : 0.0f;
    slope = in.slope;
  }

  // x + weight noise + bias at pixels i to i + V - 1.
  template <int V>
  __device__ __forceinline__ void before(size_t i, float (&out)[V]) const {
    load<T, V>(x + i, out);
    if (noise) {
      float grain[V];
      load<T, V>(noise + i, grain);
#pragma unroll
      for (int v = 0; v < V; ++v) out[v] += fmaf(weight, grain[v], bias);
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) out[v] += bias;
    }
  }

  // Not fmaxf, which would drop a NaN.
  __device__ __forceinline__ float of(float a) const { return a > 0.0f ? a : a * slope; }
};

// Runs body<T, V>() for the data type, and for wide loads where every plane starts at 16 bytes.
template <typename Body>
void with_data(const AdainInputs& in, const void* second, const void* third, const Body& body) {
  const auto with_type = [&](auto zero) {
    using T = decltype(zero);
    const bool wide = in.pixels % kWide<T> == 0 && is_wide(in.x) && is_wide(in.noise) && is_wide(second) && is_wide(third);
    if (wide) {
      body.template operator()<T, kWide<T>>();
    } else {
      body.template operator()<T, 1>();
    }
  };
  if (in.data == Data::f32) with_type(float{});
  if (in.data == Data::f16) with_type(__half{});
  if (in.data == Data::bf16) with_type(__nv_bfloat16{});
}

}  // namespace facesdk
