// The whole layer is one cooperative launch, whose phases wait for the grid: so every processor streams its part of the
// weights, which are what the layer costs, and the tokens never leave the second cache.
#include "style_attention/style_attention_cuda.h"

#include <cooperative_groups.h>

#include <algorithm>

#include "cuda/device.h"

namespace facesdk {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
// Rows of a tile: the 18 styles of the paper.
constexpr int kRows = 18;
// Outputs of a warp at a time, and inputs that are in shared memory at a time.
constexpr int kColumns = 2, kInputs = 256;
// Widest head.
constexpr int kHeadParts = 4, kMostHead = 32 * kHeadParts;

enum Array {
  norm_weight, norm_bias, query_weight, query_bias, key_weight, key_bias, value_weight, value_bias, output_weight,
  output_bias, net_norm_weight, net_norm_bias, widen_weight, widen_bias, narrow_weight, narrow_bias
};

// Between the phases; (batch * length, dim) each, hidden (batch * length, wide). No const and no restrict here: these are
// written and read by one kernel, so that they must not be read through the cache for constants.
struct Between {
  float *query, *key, *value, *mixed, *update, *hidden;
};

struct Shared {
  float tile[kRows * kInputs];
  float mean[kRows], inverse[kRows];
};

// Which rows of which stream a block works on, and as which of how many blocks.
struct Share {
  int groups_at_once, parts, group, part;
  int tiles;  // of rows, for each stream
};

template <typename T>
__device__ __forceinline__ const T* array_of(const LayerCall& call, int stream, int index) {
  return static_cast<const T*>(call.weights[stream][index]);
}

// Mean and inverse deviation of each of `rows` rows of value(row, k). All threads must call.
template <typename Value>
__device__ void row_statistics(Shared& shared, int rows, int dim, float epsilon, const Value& value) {
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  // What the rows were before may still be read.
  __syncthreads();
  for (int row = warp; row < rows; row += kWarps) {
    float total = 0.0f, squares = 0.0f;
    for (int k = lane; k < dim; k += 32) total += value(row, k);
    const float mean = warp_sum(total) / float(dim);
    for (int k = lane; k < dim; k += 32) {
      const float d = value(row, k) - mean;
      squares = fmaf(d, d, squares);
    }
    squares = warp_sum(squares);
    if (lane == 0) {
      shared.mean[row] = mean;
      shared.inverse[row] = 1.0f / sqrtf(squares / float(dim) + epsilon);
    }
  }
  __syncthreads();
}

// sink(row, column, sum over k of value(row, k) weight(column)[k]) for `rows` rows and this part's columns. All threads
// must call, with the same arguments.
template <typename T, typename Value, typename Weight, typename Sink>
__device__ void linear(Shared& shared, const Share& share, int rows, int inputs, int outputs, const Value& value,
                       const Weight& weight, const Sink& sink) {
  const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  constexpr int kAtOnce = kWarps * kColumns;
  for (int start = share.part * kAtOnce; start < outputs; start += share.parts * kAtOnce) {
    const int column = start + warp * kColumns;
    float sums[kColumns][kRows];
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) sums[c][r] = 0.0f;
    }
    for (int first = 0; first < inputs; first += kInputs) {
      const int count = min(kInputs, inputs - first);
      __syncthreads();
      for (int i = threadIdx.x; i < kRows * kInputs; i += kThreads) {
        const int r = i / kInputs, k = i % kInputs;
        shared.tile[i] = r < rows && k < count ? value(r, first + k) : 0.0f;
      }
      __syncthreads();
#pragma unroll 2
      for (int k = lane; k < count; k += 32) {
        float w[kColumns];
#pragma unroll
        for (int c = 0; c < kColumns; ++c) w[c] = column + c < outputs ? to_float(weight(column + c)[first + k]) : 0.0f;
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          const float x = shared.tile[r * kInputs + k];
#pragma unroll
          for (int c = 0; c < kColumns; ++c) sums[c][r] = fmaf(w[c], x, sums[c][r]);
        }
      }
    }
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      float mine = 0.0f;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const float sum = warp_sum(sums[c][r]);
        if (lane == r) mine = sum;
      }
      if (lane < rows && column + c < outputs) sink(lane, column + c, mine);
    }
  }
}

// body(stream, first row, rows) for each tile of rows that this block has a share in. Tiles do not cross streams.
template <typename Body>
__device__ void over_tiles(const LayerCall& call, const Share& share, const Body& body) {
  const int all = call.batch * call.length;
  for (int group = share.group; group < 2 * share.tiles; group += share.groups_at_once) {
    const int first = group / 2 * kRows;
    body(group & 1, first, min(kRows, all - first));
  }
}

// softmax(q k^T / sqrt(width)) v, a warp for each row of each head.
__device__ void attend(const LayerCall& call, const Between* between) {
  const int lane = threadIdx.x & 31, width = call.dim / call.heads;
  const float scale = 1.0f / sqrtf(float(width));
  const int tasks = 2 * call.batch * call.heads * call.length;
  for (int task = blockIdx.x * kWarps + (threadIdx.x >> 5); task < tasks; task += gridDim.x * kWarps) {
    const int row = task % call.length, head = task / call.length % call.heads;
    const int sample = task / call.length / call.heads % call.batch, stream = task / call.length / call.heads / call.batch;
    const Between of = stream ? between[1] : between[0];
    const size_t start = size_t(sample) * call.length * call.dim + head * width, own = start + size_t(row) * call.dim;
    float query[kHeadParts], mixed[kHeadParts];
#pragma unroll
    for (int i = 0; i < kHeadParts; ++i) {
      query[i] = lane + 32 * i < width ? __ldcg(of.query + own + lane + 32 * i) * scale : 0.0f;
      mixed[i] = 0.0f;
    }
    float largest = -INFINITY, total = 0.0f;
    for (int first = 0; first < call.length; first += 32) {
      const int count = min(32, call.length - first);
      float score = -INFINITY;
      for (int j = 0; j < count; ++j) {
        const float* key = of.key + start + size_t(first + j) * call.dim;
        float part = 0.0f;
#pragma unroll
        for (int i = 0; i < kHeadParts; ++i) {
          if (lane + 32 * i < width) part = fmaf(query[i], __ldcg(key + lane + 32 * i), part);
        }
        part = warp_sum(part);
        if (lane == j) score = part;
      }
      const float most = fmaxf(largest, warp_max(score)), shrink = expf(largest - most);
      const float weight = lane < count ? expf(score - most) : 0.0f;
      total = total * shrink + warp_sum(weight);
#pragma unroll
      for (int i = 0; i < kHeadParts; ++i) mixed[i] *= shrink;
      for (int j = 0; j < count; ++j) {
        const float share = __shfl_sync(kAllLanes, weight, j);
        const float* value = of.value + start + size_t(first + j) * call.dim;
#pragma unroll
        for (int i = 0; i < kHeadParts; ++i) {
          if (lane + 32 * i < width) mixed[i] = fmaf(share, __ldcg(value + lane + 32 * i), mixed[i]);
        }
      }
      largest = most;
    }
#pragma unroll
    for (int i = 0; i < kHeadParts; ++i) {
      if (lane + 32 * i < width) of.mixed[own + lane + 32 * i] = mixed[i] / total;
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) style_layer(const LayerCall call, float* workspace, Share share) {
  __shared__ Shared shared;
  const cooperative_groups::grid_group grid = cooperative_groups::this_grid();
  share.group = blockIdx.x / share.parts;
  share.part = blockIdx.x % share.parts;
  const int dim = call.dim;
  const size_t size = size_t(call.batch) * call.length * dim, hidden = size_t(call.batch) * call.length * call.wide;
  Between between[2];
#pragma unroll
  for (int s = 0; s < 2; ++s) {
    float* at = workspace + s * (5 * size + hidden);
    between[s] = {at, at + size, at + 2 * size, at + 3 * size, at + 4 * size, at + 5 * size};
  }

  // Eq. 1: a stream's tokens give its own keys and values, and the other's queries.
  over_tiles(call, share, [&](int s, int first, int rows) {
    const T* tokens = static_cast<const T*>(s ? call.tokens[1] : call.tokens[0]) + size_t(first) * dim;
    const auto raw = [&](int row, int k) { return to_float(tokens[size_t(row) * dim + k]); };
    row_statistics(shared, rows, dim, call.epsilon, raw);
    const T *scale = array_of<T>(call, s, norm_weight), *shift = array_of<T>(call, s, norm_bias);
    const auto normed = [&](int row, int k) {
      return (raw(row, k) - shared.mean[row]) * shared.inverse[row] * to_float(scale[k]) + to_float(shift[k]);
    };
    const auto weight = [&](int column) {
      const T* from = column < dim       ? array_of<T>(call, s, key_weight)
                      : column < 2 * dim ? array_of<T>(call, s, value_weight)
                                         : array_of<T>(call, 1 - s, query_weight);
      return from + size_t(column % dim) * dim;
    };
    linear<T>(shared, share, rows, dim, 3 * dim, normed, weight, [&](int row, int column, float sum) {
      const int own = column % dim;
      const size_t at = size_t(first + row) * dim + own;
      if (column < dim) {
        (s ? between[1] : between[0]).key[at] = sum + to_float(array_of<T>(call, s, key_bias)[own]);
      } else if (column < 2 * dim) {
        (s ? between[1] : between[0]).value[at] = sum + to_float(array_of<T>(call, s, value_bias)[own]);
      } else {
        (s ? between[0] : between[1]).query[at] = sum + to_float(array_of<T>(call, 1 - s, query_bias)[own]);
      }
    });
  });
  grid.sync();
  attend(call, between);
  grid.sync();

  over_tiles(call, share, [&](int s, int first, int rows) {
    const Between own = s ? between[1] : between[0];
    const T *weights = array_of<T>(call, s, output_weight), *bias = array_of<T>(call, s, output_bias);
    T* updates = static_cast<T*>(s ? call.updates[1] : call.updates[0]);
    linear<T>(
        shared, share, rows, dim, dim, [&](int row, int k) { return __ldcg(own.mixed + size_t(first + row) * dim + k); },
        [&](int column) { return weights + size_t(column) * dim; },
        [&](int row, int column, float sum) {
          const size_t at = size_t(first + row) * dim + column;
          const float update = sum + to_float(bias[column]);
          if (call.wide) {
            own.update[at] = update;
          } else {
            updates[at] = from_float<T>(update);
          }
        });
  });
  if (call.wide == 0) return;
  grid.sync();

  over_tiles(call, share, [&](int s, int first, int rows) {
    const Between own = s ? between[1] : between[0];
    const T* tokens = static_cast<const T*>(s ? call.tokens[1] : call.tokens[0]);
    const auto raw = [&](int row, int k) {
      const size_t at = size_t(first + row) * dim + k;
      return to_float(tokens[at]) + __ldcg(own.update + at);
    };
    row_statistics(shared, rows, dim, call.epsilon, raw);
    const T *scale = array_of<T>(call, s, net_norm_weight), *shift = array_of<T>(call, s, net_norm_bias);
    const T *weights = array_of<T>(call, s, widen_weight), *bias = array_of<T>(call, s, widen_bias);
    linear<T>(
        shared, share, rows, dim, call.wide,
        [&](int row, int k) {
          return (raw(row, k) - shared.mean[row]) * shared.inverse[row] * to_float(scale[k]) + to_float(shift[k]);
        },
        [&](int column) { return weights + size_t(column) * dim; },
        [&](int row, int column, float sum) {
          const float x = sum + to_float(bias[column]);
          own.hidden[size_t(first + row) * call.wide + column] = 0.5f * x * (1.0f + erff(x * 0.70710678f));
        });
  });
  grid.sync();

  over_tiles(call, share, [&](int s, int first, int rows) {
    const Between own = s ? between[1] : between[0];
    const T *weights = array_of<T>(call, s, narrow_weight), *bias = array_of<T>(call, s, narrow_bias);
    T* updates = static_cast<T*>(s ? call.updates[1] : call.updates[0]);
    linear<T>(
        shared, share, rows, call.wide, dim,
        [&](int row, int k) { return __ldcg(own.hidden + size_t(first + row) * call.wide + k); },
        [&](int column) { return weights + size_t(column) * call.wide; },
        [&](int row, int column, float sum) {
          const size_t at = size_t(first + row) * dim + column;
          updates[at] = from_float<T>(__ldcg(own.update + at) + sum + to_float(bias[column]));
        });
  });
}

template <typename T>
void launch(LayerCall call, float* workspace, cudaStream_t stream) {
  int occupancy = 0;
  require_launch(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&occupancy, style_layer<T>, kThreads, 0), "style_attention");
  // All blocks wait for each other, so all must be on the device; more than two a processor would only wait longer.
  const int blocks = device_attribute(cudaDevAttrMultiProcessorCount) * std::min(occupancy, 2);
  if (blocks < 1) throw std::runtime_error("style_attention: the device cannot hold one block");
  Share share{};
  share.tiles = (call.batch * call.length + kRows - 1) / kRows;
  share.groups_at_once = std::min(2 * share.tiles, blocks);
  share.parts = blocks / share.groups_at_once;
  void* arguments[] = {&call, &workspace, &share};
  require_launch(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(style_layer<T>),
                                             dim3(unsigned(share.groups_at_once * share.parts)), dim3(kThreads),
                                             arguments, 0, stream),
                 "style_attention");
}

}  // namespace

size_t style_attention_workspace(int batch, int length, int dim, int wide) {
  return 2 * size_t(batch) * length * (5 * size_t(dim) + wide);
}

void style_attention_cuda(const LayerCall& call, Data data, float* workspace, void* stream) {
  if (call.batch < 1 || call.length < 1 || call.heads < 1 || call.dim % 32 || call.dim % call.heads || call.wide < 0) {
    throw std::invalid_argument("style_attention: dim of whole 32s that the heads divide expected");
  }
  if (call.dim / call.heads > kMostHead) throw std::invalid_argument("style_attention: heads of 128 at most expected");
  const auto with = data == Data::f32 ? launch<float> : data == Data::f16 ? launch<__half> : launch<__nv_bfloat16>;
  with(call, workspace, static_cast<cudaStream_t>(stream));
}

}  // namespace facesdk
