// The attention of a gated self-attention layer: picture tokens ask themselves and a few extra tokens, on a CUDA device.
#pragma once

#include <stddef.h>

#include "common/data.h"

namespace facesdk {

// out = gate softmax(query [key; extra_key]^T / sqrt(width)) [value; extra_value] for every head, as the linear layers
// before and behind it have their tensors: query, key, value and out (batch, length, heads * width), extra_key and
// extra_value (batch, extra, heads * width), float16 or bfloat16 at multiples of 16 bytes. width is 40, 80 or 160.
// gate: tanh of the float at `alpha`, or 1 if that is nullptr. extra may be 0.
struct GatedAttentionCall {
  Data data;
  int batch, length, extra, heads, width;
  const void *query, *key, *value, *extra_key, *extra_value;
  const float* alpha;
  void* out;
};

// stream: a cudaStream_t of the current device. bfloat16 wants compute capability 8.0.
void gated_attention_cuda(const GatedAttentionCall& call, void* stream);

}  // namespace facesdk
