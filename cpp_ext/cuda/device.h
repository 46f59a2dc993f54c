// What the *.cu files share: data types, wide loads, sums over a warp and a block, errors of launches.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>
#include <string.h>

#include <stdexcept>
#include <string>

namespace facesdk {

constexpr unsigned kAllLanes = 0xffffffffu;

inline void require_launch(cudaError_t status, const char* op) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(op) + ": CUDA says: " + cudaGetErrorString(status));
}

inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  require_launch(cudaGetDevice(&device), "device");
  require_launch(cudaDeviceGetAttribute(&value, attribute, device), "device");
  return value;
}

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

// Elements of 16 bytes, the widest load.
template <typename T>
constexpr int kWide = 16 / sizeof(T);

// V is 1, or kWide<T> with p at a multiple of 16 bytes.
template <typename T, int V>
__device__ __forceinline__ void load(const T* p, float (&out)[V]) {
  if constexpr (V == 1) {
    out[0] = to_float(*p);
  } else {
    static_assert(V == kWide<T>, "one or 16 bytes");
    const uint4 raw = *reinterpret_cast<const uint4*>(p);
    T lanes[V];
    memcpy(lanes, &raw, 16);
#pragma unroll
    for (int i = 0; i < V; ++i) out[i] = to_float(lanes[i]);
  }
}

template <typename T, int V>
__device__ __forceinline__ void store(T* p, const float (&values)[V]) {
  if constexpr (V == 1) {
    *p = from_float<T>(values[0]);
  } else {
    static_assert(V == kWide<T>, "one or 16 bytes");
    T lanes[V];
#pragma unroll
    for (int i = 0; i < V; ++i) lanes[i] = from_float<T>(values[i]);
    uint4 raw;
    memcpy(&raw, lanes, 16);
    *reinterpret_cast<uint4*>(p) = raw;
  }
}

inline bool is_wide(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// Every lane gets the sum; all 32 lanes must call.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// Every thread gets the sum, the same bits each time; all threads of the block must call, whole warps, 1024 at most.
__device__ __forceinline__ float block_sum(float value) {
  __shared__ float parts[32];
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  value = warp_sum(value);
  // The call before may still be read.
  __syncthreads();
  if (lane == 0) parts[warp] = value;
  __syncthreads();
  return warp_sum(lane < int(blockDim.x >> 5) ? parts[lane] : 0.0f);
}

}  // namespace facesdk
