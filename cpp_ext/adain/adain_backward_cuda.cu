// Backward: a block a plane, which reads x and the gradient twice, the second time out of a cache.
#include "adain/activation.cuh"
#include "adain/adain_cuda.h"

namespace facesdk {
namespace {

constexpr int kThreads = 512;

// The formulas stand in adain_backward_cpu.cpp.
template <typename T, int V>
__global__ void __launch_bounds__(kThreads) adain_gradient(const AdainBackward call) {
  const AdainInputs& in = call.in;
  const size_t plane = blockIdx.x;
  const unsigned step = kThreads * V, begin = threadIdx.x * V, count = unsigned(in.pixels);
  const PlaneActivation<T> active(in, plane);
  const T* grad_out = static_cast<const T*>(call.grad_out) + plane * in.pixels;
  T* grad_x = static_cast<T*>(call.grad_x) + plane * in.pixels;
  const float mean = call.mean[plane], inverse = call.inverse[plane];
  float beta = 0.0f, product = 0.0f;
  for (unsigned i = begin; i < count; i += step) {
    float y[V], g[V];
    active.template before<V>(i, y);
    load<T, V>(grad_out + i, g);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      beta += g[v];
      product = fmaf(g[v], active.of(y[v]) - mean, product);
    }
  }
  beta = block_sum(beta);
  product = block_sum(product);
  const float each = in.gamma[plane] * inverse, pixels = float(count);
  const float b = -each * product * inverse * inverse / pixels, c = -each * beta / pixels;
  float bias = 0.0f, weight = 0.0f;
  for (unsigned i = begin; i < count; i += step) {
    float y[V], g[V], grain[V];
    active.template before<V>(i, y);
    load<T, V>(grad_out + i, g);
    if (active.noise) load<T, V>(active.noise + i, grain);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float d = fmaf(active.of(y[v]) - mean, b, fmaf(g[v], each, c));
      g[v] = y[v] > 0.0f ? d : d * in.slope;
      bias += g[v];
      if (active.noise) weight = fmaf(g[v], grain[v], weight);
    }
    store<T, V>(grad_x + i, g);
  }
  bias = block_sum(bias);
  weight = block_sum(weight);
  if (threadIdx.x != 0) return;
  call.grad_beta[plane] = beta;
  call.grad_gamma[plane] = product * inverse;
  call.grad_bias[plane] = bias;
  call.grad_noise_weight[plane] = weight;
}

struct Launch {
  const AdainBackward& call;
  cudaStream_t stream;

  template <typename T, int V>
  void operator()() const {
    adain_gradient<T, V><<<unsigned(call.in.batch * call.in.channels), kThreads, 0, stream>>>(call);
    require_launch(cudaGetLastError(), "adain_backward");
  }
};

}  // namespace

void adain_backward_cuda(const AdainBackward& call, void* stream) {
  if (call.in.pixels >= size_t(1) << 30 || call.in.batch * call.in.channels >= size_t(1) << 31) {
    throw std::invalid_argument("adain: too many pixels");
  }
  with_data(call.in, call.grad_out, call.grad_x, Launch{call, static_cast<cudaStream_t>(stream)});
}

}  // namespace facesdk
