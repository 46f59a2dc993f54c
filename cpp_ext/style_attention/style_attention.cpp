#include "style_attention/style_attention.h"

#include <vector>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {

void style_attention(const AttentionShape& shape, const Stream streams[2], const float* const tokens[2], float epsilon,
                     float* const updates[2], int threads) {
  const size_t dim = shape.dim, rows = static_cast<size_t>(shape.batch) * shape.length, size = rows * dim;
  const auto linear = FACESDK_PICK(linear_panel);
  const auto norm = FACESDK_PICK(norm_row);
  const auto attend = FACESDK_PICK(attend_head);
  const size_t wide = streams[0].widen.packed ? streams[0].widen.outputs : 0;
  // For each stream: normalised tokens, query, key, value, what attention mixed, and the feed-forward net's inside.
  std::vector<float> memory(2 * (5 * size + rows * wide));
  float *normed[2], *query[2], *key[2], *value[2], *mixed[2], *hidden[2];
  for (int s = 0; s < 2; ++s) {
    float* at = memory.data() + s * (5 * size + rows * wide);
    normed[s] = at, query[s] = at + size, key[s] = at + 2 * size, value[s] = at + 3 * size, mixed[s] = at + 4 * size;
    hidden[s] = at + 5 * size;
    for (size_t row = 0; row < rows; ++row) {
      norm(streams[s].norm, tokens[s] + row * dim, shape.dim, epsilon, normed[s] + row * dim);
    }
  }
  const int count = static_cast<int>(rows);
  const size_t panels = dim / kPanel;
  parallel_for(6 * panels, threads, [&](size_t task) {
    const int panel = static_cast<int>(task % panels), s = static_cast<int>(task / panels % 2);
    const size_t part = task / panels / 2;
    // Eq. 1: the queries come from the other stream.
    if (part == 0) linear(streams[s].query, normed[1 - s], count, panel, false, query[s]);
    if (part == 1) linear(streams[s].key, normed[s], count, panel, false, key[s]);
    if (part == 2) linear(streams[s].value, normed[s], count, panel, false, value[s]);
  });
  const size_t heads = shape.heads, width = dim / heads;
  parallel_for(2 * heads, threads, [&](size_t task) {
    const size_t s = task / heads, column = task % heads * width;
    std::vector<float> scores(shape.length);
    for (int b = 0; b < shape.batch; ++b) {
      const size_t at = static_cast<size_t>(b) * shape.length * dim + column;
      attend(query[s] + at, key[s] + at, value[s] + at, shape.length, static_cast<int>(width), shape.dim, scores.data(),
             mixed[s] + at);
    }
  });
  parallel_for(2 * panels, threads, [&](size_t task) {
    const size_t s = task / panels;
    linear(streams[s].output, mixed[s], count, static_cast<int>(task % panels), false, updates[s]);
  });
  if (wide == 0) return;
  for (int s = 0; s < 2; ++s) {
    for (size_t i = 0; i < size; ++i) query[s][i] = tokens[s][i] + updates[s][i];
    for (size_t row = 0; row < rows; ++row) {
      norm(streams[s].ffn_norm, query[s] + row * dim, shape.dim, epsilon, normed[s] + row * dim);
    }
  }
  const size_t wide_panels = wide / kPanel;
  parallel_for(2 * wide_panels, threads, [&](size_t task) {
    const size_t s = task / wide_panels;
    linear(streams[s].widen, normed[s], count, static_cast<int>(task % wide_panels), true, hidden[s]);
  });
  parallel_for(2 * panels, threads, [&](size_t task) {
    const size_t s = task / panels, first = task % panels * kPanel;
    linear(streams[s].narrow, hidden[s], count, static_cast<int>(task % panels), false, mixed[s]);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t i = first; i < first + kPanel; ++i) updates[s][row * dim + i] += mixed[s][row * dim + i];
    }
  });
}

}  // namespace facesdk
