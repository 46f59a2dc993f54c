// style_attention.h on a CUDA device as one launch: all addresses are the device's, weights lie as torch has them.
#pragma once

#include <stddef.h>

#include "common/data.h"

namespace facesdk {

// Of one stream, in this order; the last six only where there is a feed-forward net. Weights (outputs, inputs).
constexpr int kLayerArrays = 16, kLayerArraysWithoutNet = 10;

// One data type for all; sums and everything between are float.
struct LayerCall {
  int batch, length, dim, heads;
  int wide;  // of the feed-forward net, 0 for none
  float epsilon;
  const void* tokens[2];
  const void* weights[2][kLayerArrays];
  void* updates[2];
};

// Floats that style_attention_cuda wants as workspace.
size_t style_attention_workspace(int batch, int length, int dim, int wide);

// stream: a cudaStream_t of the current device.
void style_attention_cuda(const LayerCall& call, Data data, float* workspace, void* stream);

}  // namespace facesdk
