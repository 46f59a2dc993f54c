// Attention that never writes its scores: a block takes 64 rows, a warp 16 of them, and goes over the keys in tiles.
// Sources: Dao 2023 (arXiv:2307.08691), section 3.1; Li et al. 2023 (GLIGEN, arXiv:2301.07093), eq. 8.
#include "gated_attention/gated_attention_cuda.h"

#include "gated_attention/tensor_core.cuh"

namespace facesdk {
namespace {

constexpr int kWarps = 4, kThreads = 32 * kWarps, kRows = 16 * kWarps;

template <int Width>
struct Tile {
  // k of a product is 16: a width of 40 is padded to 48 by zeros.
  static constexpr int kDepth = (Width + 15) / 16 * 16;
  // Rows 16 bytes longer than the depth, so that 8 rows lie in different banks.
  static constexpr int kStride = kDepth + 8;
  static constexpr int kKeys = Width > 80 ? 32 : 64;
  static constexpr int kParts = Width / 8;
  static_assert(Width % 8 == 0 && kStride % 8 == 0, "rows start at 16 bytes");
};

// Keys first to first + kKeys of this head into shared memory, zeros past the last one: picture tokens, then extra ones.
template <typename T, int Width>
__device__ __forceinline__ void load_tile(const T* own, const T* extra, int first, int length, int total, size_t pitch,
                                          T* tile) {
  using Sizes = Tile<Width>;
  constexpr int kChunks = Sizes::kDepth / 8, kFull = Width / 8;
  for (int i = threadIdx.x; i < Sizes::kKeys * kChunks; i += kThreads) {
    const int row = i / kChunks, chunk = i % kChunks, key = first + row;
    uint4 value = make_uint4(0, 0, 0, 0);
    if (key < total && chunk < kFull) {
      const T* from = key < length ? own + size_t(key) * pitch : extra + size_t(key - length) * pitch;
      value = *reinterpret_cast<const uint4*>(from + chunk * 8);
    }
    *reinterpret_cast<uint4*>(tile + row * Sizes::kStride + chunk * 8) = value;
  }
}

template <typename T, int Width>
__global__ void __launch_bounds__(kThreads) attend(const GatedAttentionCall call) {
  using Sizes = Tile<Width>;
  constexpr int kDepths = Sizes::kDepth / 16, kKeyParts = Sizes::kKeys / 8;
  __shared__ alignas(16) T keys[Sizes::kKeys * Sizes::kStride];
  __shared__ alignas(16) T values[Sizes::kKeys * Sizes::kStride];
  const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  const int sample = blockIdx.y / call.heads, head = blockIdx.y % call.heads;
  const size_t pitch = size_t(call.heads) * Width;
  const size_t start = size_t(sample) * call.length * pitch + size_t(head) * Width;
  const size_t extra = size_t(sample) * call.extra * pitch + size_t(head) * Width;
  const int total = call.length + call.extra;
  // The lane's two rows.
  const int row = blockIdx.x * kRows + (threadIdx.x >> 5) * 16 + g;
  const T* query = static_cast<const T*>(call.query) + start;

  uint32_t asked[kDepths][4];
#pragma unroll
  for (int d = 0; d < kDepths; ++d) {
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      const int r = row + (part & 1) * 8, k = d * 16 + (part >> 1) * 8 + 2 * t;
      asked[d][part] =
          r < call.length && k < Width ? *reinterpret_cast<const uint32_t*>(query + size_t(r) * pitch + k) : 0u;
    }
  }

  float mixed[Sizes::kParts][4];
#pragma unroll
  for (int n = 0; n < Sizes::kParts; ++n) mixed[n][0] = mixed[n][1] = mixed[n][2] = mixed[n][3] = 0.0f;
  // Of row g and row g + 8: the largest score so far, and the lane's part of the sum of weights.
  float largest[2] = {-INFINITY, -INFINITY}, sums[2] = {0.0f, 0.0f};
  // Powers of two are cheaper than those of e.
  const float scale = 1.44269504f / sqrtf(float(Width));

  for (int first = 0; first < total; first += Sizes::kKeys) {
    __syncthreads();
    load_tile<T, Width>(static_cast<const T*>(call.key) + start, static_cast<const T*>(call.extra_key) + extra, first,
                        call.length, total, pitch, keys);
    load_tile<T, Width>(static_cast<const T*>(call.value) + start, static_cast<const T*>(call.extra_value) + extra, first,
                        call.length, total, pitch, values);
    __syncthreads();

    float scores[kKeyParts][4];
#pragma unroll
    for (int n = 0; n < kKeyParts; ++n) {
      scores[n][0] = scores[n][1] = scores[n][2] = scores[n][3] = 0.0f;
      const T* key = keys + (n * 8 + g) * Sizes::kStride + 2 * t;
#pragma unroll
      for (int d = 0; d < kDepths; ++d) {
        const uint32_t b0 = *reinterpret_cast<const uint32_t*>(key + d * 16);
        const uint32_t b1 = *reinterpret_cast<const uint32_t*>(key + d * 16 + 8);
        multiply_add<T>(scores[n], asked[d], b0, b1);
      }
    }
    float most[2] = {largest[0], largest[1]};
#pragma unroll
    for (int n = 0; n < kKeyParts; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int key = first + n * 8 + 2 * t + (i & 1);
        scores[n][i] = key < total ? scores[n][i] * scale : -INFINITY;
        most[i >> 1] = fmaxf(most[i >> 1], scores[n][i]);
      }
    }
    float shrink[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      // The four lanes of a row.
      most[i] = fmaxf(most[i], __shfl_xor_sync(kAllLanes, most[i], 1));
      most[i] = fmaxf(most[i], __shfl_xor_sync(kAllLanes, most[i], 2));
      shrink[i] = exp2f(largest[i] - most[i]);
      largest[i] = most[i];
      sums[i] *= shrink[i];
    }
#pragma unroll
    for (int n = 0; n < Sizes::kParts; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) mixed[n][i] *= shrink[i >> 1];
    }
#pragma unroll
    for (int n = 0; n < kKeyParts; n += 2) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          scores[n + half][i] = exp2f(scores[n + half][i] - largest[i >> 1]);
          sums[i >> 1] += scores[n + half][i];
        }
      }
      // Two results side by side lie as the next product's A.
      const uint32_t weights[4] = {
          pack<T>(scores[n][0], scores[n][1]), pack<T>(scores[n][2], scores[n][3]),
          pack<T>(scores[n + 1][0], scores[n + 1][1]), pack<T>(scores[n + 1][2], scores[n + 1][3])};
      const T* value = values + (n * 8 + (lane & 15)) * Sizes::kStride;
#pragma unroll
      for (int d = 0; d < Sizes::kParts; ++d) {
        uint32_t b0, b1;
        load_turned(b0, b1, value + d * 8);
        multiply_add<T>(mixed[d], weights, b0, b1);
      }
    }
  }

  const float gate = call.alpha ? tanhf(*call.alpha) : 1.0f;
  T* out = static_cast<T*>(call.out) + start;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    sums[i] += __shfl_xor_sync(kAllLanes, sums[i], 1);
    sums[i] += __shfl_xor_sync(kAllLanes, sums[i], 2);
    const float factor = gate / sums[i];
    const int r = row + 8 * i;
    if (r >= call.length) continue;
#pragma unroll
    for (int d = 0; d < Sizes::kParts; ++d) {
      *reinterpret_cast<uint32_t*>(out + size_t(r) * pitch + d * 8 + 2 * t) =
          pack<T>(mixed[d][2 * i] * factor, mixed[d][2 * i + 1] * factor);
    }
  }
}

template <typename T>
void launch(const GatedAttentionCall& call, cudaStream_t stream) {
  const dim3 grid(unsigned((call.length + kRows - 1) / kRows), unsigned(call.batch * call.heads));
  if (call.width == 40) attend<T, 40><<<grid, kThreads, 0, stream>>>(call);
  if (call.width == 80) attend<T, 80><<<grid, kThreads, 0, stream>>>(call);
  if (call.width == 160) attend<T, 160><<<grid, kThreads, 0, stream>>>(call);
  require_launch(cudaGetLastError(), "gated_attention");
}

}  // namespace

void gated_attention_cuda(const GatedAttentionCall& call, void* stream) {
  const int width = call.width;
  if (width != 40 && width != 80 && width != 160) throw std::invalid_argument("gated_attention: heads of 40, 80 or 160");
  if (call.batch < 1 || call.length < 1 || call.heads < 1 || call.extra < 0 || call.batch > 65535 / call.heads) {
    throw std::invalid_argument("gated_attention: at least one token, and 65535 heads at most expected");
  }
  for (const void* p : {call.query, call.key, call.value, call.extra_key, call.extra_value, (const void*)call.out}) {
    if (!is_wide(p)) throw std::invalid_argument("gated_attention: tensors at multiples of 16 bytes expected");
  }
  if (call.data == Data::bf16 && device_attribute(cudaDevAttrComputeCapabilityMajor) < 8) {
    throw std::invalid_argument("gated_attention: bfloat16 wants compute capability 8.0: use float16");
  }
  if (call.data == Data::f32) throw std::invalid_argument("gated_attention: float16 or bfloat16 expected");
  const auto with = call.data == Data::f16 ? launch<__half> : launch<__nv_bfloat16>;
  with(call, static_cast<cudaStream_t>(stream));
}

}  // namespace facesdk
