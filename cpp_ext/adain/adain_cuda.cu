// Forward. A plane that fits into a block's registers is read once and written once; larger ones take partial moments by
// many blocks, and a second launch that joins and applies them.
#include <algorithm>

#include "adain/activation.cuh"
#include "adain/adain_cuda.h"

namespace facesdk {
namespace {

// Values that a thread holds of a whole plane, and of a chunk. 128 registers a thread leave room for them.
constexpr int kHeld = 32, kChunkHeld = 16;
constexpr int kMostThreads = 512, kChunkThreads = 256;
constexpr unsigned kChunk = kChunkHeld * kChunkThreads;

struct Moments {
  float mean, squares;  // squares: sum of (y - mean)^2
};

// Fills y with the activated values less pivot of up to Held pixels a thread, from `first` to `last`, and gives their
// moments. All threads of the block must call.
template <typename T, int V, int Held>
__device__ __forceinline__ Moments hold(const PlaneActivation<T>& active, unsigned first, unsigned last, float pivot,
                                        float (&y)[Held / V][V]) {
  float total = 0.0f;
#pragma unroll
  for (int k = 0; k < Held / V; ++k) {
    const unsigned i = first + (k * blockDim.x + threadIdx.x) * V;
    if (i >= last) continue;
    active.template before<V>(i, y[k]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      y[k][v] = active.of(y[k][v]) - pivot;
      total += y[k][v];
    }
  }
  const float count = float(last - first), mean = block_sum(total) / count;
  float squares = 0.0f;
#pragma unroll
  for (int k = 0; k < Held / V; ++k) {
    const unsigned i = first + (k * blockDim.x + threadIdx.x) * V;
    if (i >= last) continue;
#pragma unroll
    for (int v = 0; v < V; ++v) squares = fmaf(y[k][v] - mean, y[k][v] - mean, squares);
  }
  return {mean, block_sum(squares)};
}

// A value of the plane: sums about it do not drown in a large mean.
template <typename T>
__device__ __forceinline__ float pivot_of(const PlaneActivation<T>& active, unsigned pixels) {
  float middle[1];
  active.template before<1>(pixels / 2, middle);
  return active.of(middle[0]);
}

template <typename T, int V>
__global__ void __launch_bounds__(kMostThreads) adain_on_chip(const AdainForward call) {
  const AdainInputs& in = call.in;
  const size_t plane = blockIdx.x;
  const PlaneActivation<T> active(in, plane);
  const unsigned pixels = unsigned(in.pixels);
  const float pivot = pivot_of(active, pixels);
  float y[kHeld / V][V];
  const Moments moments = hold<T, V, kHeld>(active, 0, pixels, pivot, y);
  const float inverse = 1.0f / sqrtf(moments.squares / float(pixels) + call.epsilon);
  const float scale = in.gamma[plane] * inverse, shift = call.beta[plane];
  if (threadIdx.x == 0) {
    call.mean[plane] = pivot + moments.mean;
    call.inverse[plane] = inverse;
  }
  T* out = static_cast<T*>(call.out) + plane * in.pixels;
#pragma unroll
  for (int k = 0; k < kHeld / V; ++k) {
    const unsigned i = (k * blockDim.x + threadIdx.x) * V;
    if (i >= pixels) continue;
#pragma unroll
    for (int v = 0; v < V; ++v) y[k][v] = fmaf(y[k][v] - moments.mean, scale, shift);
    store<T, V>(out + i, y[k]);
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kChunkThreads) adain_moments(const AdainForward call, unsigned chunks, Moments* partial) {
  const AdainInputs& in = call.in;
  const unsigned plane = blockIdx.x / chunks, first = blockIdx.x % chunks * kChunk, pixels = unsigned(in.pixels);
  const PlaneActivation<T> active(in, plane);
  float y[kChunkHeld / V][V];
  const unsigned last = pixels - first > kChunk ? first + kChunk : pixels;
  const Moments moments = hold<T, V, kChunkHeld>(active, first, last, pivot_of(active, pixels), y);
  if (threadIdx.x == 0) partial[blockIdx.x] = moments;
}

template <typename T, int V>
__global__ void __launch_bounds__(kChunkThreads)
    adain_apply(const AdainForward call, unsigned chunks, const Moments* __restrict__ partial) {
  const AdainInputs& in = call.in;
  // Backwards: what was read last is still in the second cache.
  const unsigned block = gridDim.x - 1 - blockIdx.x, plane = block / chunks, chunk = block % chunks;
  const unsigned pixels = unsigned(in.pixels);
  const Moments* own = partial + size_t(plane) * chunks;
  const auto count_of = [&](unsigned c) { return float(c + 1 < chunks ? kChunk : pixels - c * kChunk); };
  float total = 0.0f, squares = 0.0f;
  for (unsigned c = threadIdx.x; c < chunks; c += kChunkThreads) total += count_of(c) * own[c].mean;
  const float mean = block_sum(total) / float(pixels);
  for (unsigned c = threadIdx.x; c < chunks; c += kChunkThreads) {
    const float off = own[c].mean - mean;
    squares += own[c].squares + count_of(c) * off * off;
  }
  const float inverse = 1.0f / sqrtf(block_sum(squares) / float(pixels) + call.epsilon);
  const PlaneActivation<T> active(in, plane);
  const float pivot = pivot_of(active, pixels);
  const float scale = in.gamma[plane] * inverse, shift = call.beta[plane];
  if (chunk == 0 && threadIdx.x == 0) {
    call.mean[plane] = pivot + mean;
    call.inverse[plane] = inverse;
  }
  T* out = static_cast<T*>(call.out) + plane * in.pixels;
#pragma unroll
  for (int k = 0; k < kChunkHeld / V; ++k) {
    const unsigned i = chunk * kChunk + (k * kChunkThreads + threadIdx.x) * V;
    if (i >= pixels) continue;
    float y[V];
    active.template before<V>(i, y);
#pragma unroll
    for (int v = 0; v < V; ++v) y[v] = fmaf(active.of(y[v]) - pivot - mean, scale, shift);
    store<T, V>(out + i, y);
  }
}

// A block a plane wants enough planes for the device, or planes so small that many blocks would not gain.
bool fits_on_chip(size_t planes, size_t pixels) {
  if (pixels > size_t(kHeld) * kMostThreads) return false;
  return pixels <= kChunk || 2 * planes >= size_t(device_attribute(cudaDevAttrMultiProcessorCount));
}

size_t chunks_of(size_t pixels) { return (pixels + kChunk - 1) / kChunk; }

struct Launch {
  const AdainForward& call;
  Moments* partial;
  cudaStream_t stream;

  template <typename T, int V>
  void operator()() const {
    const size_t pixels = call.in.pixels, planes = call.in.batch * call.in.channels;
    if (partial == nullptr) {
      // Few values a thread while the block may grow: more warps hide more of the memory's delay.
      const size_t threads = std::min<size_t>(kMostThreads, (pixels + 8 * 32 - 1) / (8 * 32) * 32);
      adain_on_chip<T, V><<<unsigned(planes), unsigned(threads), 0, stream>>>(call);
    } else {
      const unsigned chunks = unsigned(chunks_of(pixels));
      adain_moments<T, V><<<unsigned(planes * chunks), kChunkThreads, 0, stream>>>(call, chunks, partial);
      adain_apply<T, V><<<unsigned(planes * chunks), kChunkThreads, 0, stream>>>(call, chunks, partial);
    }
    require_launch(cudaGetLastError(), "adain");
  }
};

}  // namespace

size_t adain_workspace(size_t planes, size_t pixels) {
  return fits_on_chip(planes, pixels) ? 0 : planes * chunks_of(pixels) * (sizeof(Moments) / sizeof(float));
}

void adain_forward_cuda(const AdainForward& call, float* workspace, void* stream) {
  const size_t planes = call.in.batch * call.in.channels;
  if (call.in.pixels >= size_t(1) << 30 || planes * chunks_of(call.in.pixels) >= size_t(1) << 31) {
    throw std::invalid_argument("adain: too many pixels");
  }
  const bool on_chip = fits_on_chip(planes, call.in.pixels);
  if (!on_chip && workspace == nullptr) throw std::invalid_argument("adain: a workspace is needed");
  Moments* partial = on_chip ? nullptr : reinterpret_cast<Moments*>(workspace);
  with_data(call.in, call.out, nullptr, Launch{call, partial, static_cast<cudaStream_t>(stream)});
}

}  // namespace facesdk
