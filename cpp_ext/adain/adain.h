// Noise, bias, leaky ReLU, instance normalisation and style modulation in one op (seed 000, eq. 4).
#pragma once

#include <stddef.h>

#include "common/levels.h"

namespace facesdk {

// Tensors of one call; x and out (batch, channels, pixels), noise (pixels) or nullptr, noise_weight and bias (channels) or
// nullptr, gamma and beta (batch, channels). out may be x.
struct AdainCall {
  size_t batch, channels, pixels;
  const float *x, *noise, *noise_weight, *bias, *gamma, *beta;
  float slope;  // 0 to 1; 1 is no activation
  float epsilon;
  float* out;
};

// y = lrelu(x + noise_weight noise + bias), out = gamma (y - mean y) / sqrt(var y + epsilon) + beta.
void adain(const AdainCall& call, int threads);

// Planes first to last of batch * channels.
FACESDK_KERNEL(void adain_planes(const AdainCall& call, size_t first, size_t last))

}  // namespace facesdk
