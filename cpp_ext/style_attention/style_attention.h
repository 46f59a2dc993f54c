// The style blending layer (seed 000, eq. 1): two streams of style tokens, each attending to itself with the other's
// queries, then a feed-forward net; all of it in one call.
#pragma once

#include <stddef.h>

#include "common/levels.h"

namespace facesdk {

// Columns of a weight that stand together: packed[panel][input][kPanel].
constexpr int kPanel = 32;

// out = x weight + bias; outputs is a multiple of kPanel.
struct Linear {
  const float* packed;
  const float* bias;
  int inputs, outputs;
};

struct Norm {
  const float* weight;
  const float* bias;
};

// One stream's part of the layer. Without a feed-forward net `widen.packed` is nullptr.
struct Stream {
  Norm norm;
  Linear query, key, value, output;
  Norm ffn_norm;
  Linear widen, narrow;
};

struct AttentionShape {
  int batch, length, dim, heads;
};

// streams, tokens and updates: target, source. tokens and updates (batch, length, dim); the updates are not yet added.
void style_attention(const AttentionShape& shape, const Stream streams[2], const float* const tokens[2], float epsilon,
                     float* const updates[2], int threads);

FACESDK_KERNEL(
    // One panel of a linear layer for all rows; with `gelu` the exact GELU of it.
    void linear_panel(const Linear& linear, const float* x, int rows, int panel, bool gelu, float* out);
    // Layer normalisation of one row.
    void norm_row(const Norm& norm, const float* x, int dim, float epsilon, float* out);
    // softmax(q k^T / sqrt(width)) v of one head; rows are `stride` floats apart. scores: scratch, length floats.
    void attend_head(const float* query, const float* key, const float* value, int length, int width, int stride,
                     float* scores, float* out))

}  // namespace facesdk
