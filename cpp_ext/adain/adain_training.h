// The same op as adain.h with what training needs: bfloat16 data, noise that may differ by sample, statistics that are
// kept, and the way back.
#pragma once

#include <stddef.h>

#include "common/data.h"
#include "common/levels.h"

namespace facesdk {

// x (batch, channels, pixels) and noise (noise_batch, pixels), noise_batch 1 or batch, are data (float16 on CUDA only), all
// else is float. noise, noise_weight and bias (channels) may be nullptr. slope lies in 0 to 1.
struct AdainInputs {
  Data data;
  size_t batch, channels, pixels, noise_batch;
  const void *x, *noise;
  const float *noise_weight, *bias, *gamma;
  float slope;
};

// out as x; mean and inverse deviation of lrelu(x + noise_weight noise + bias), (batch, channels).
struct AdainForward {
  AdainInputs in;
  const float* beta;
  float epsilon;
  void* out;
  float *mean, *inverse;
};

// From the gradient of out, as x, to those of x, gamma and beta; and for every plane, (batch, channels), its part of those
// of noise_weight (0 without noise) and bias.
struct AdainBackward {
  AdainInputs in;
  const float *mean, *inverse;
  const void* grad_out;
  void* grad_x;
  float *grad_gamma, *grad_beta, *grad_noise_weight, *grad_bias;
};

void adain_forward(const AdainForward& call, int threads);
void adain_backward(const AdainBackward& call, int threads);

// The same with x, out and their gradients as (batch, pixels, channels), at least kLeastLast channels: as many as the widest
// vector has.
constexpr size_t kLeastLast = 16;
void adain_forward_last(const AdainForward& call, int threads);
void adain_backward_last(const AdainBackward& call, int threads);

// Planes first to last of batch * channels.
FACESDK_KERNEL(void adain_forward_planes(const AdainForward& call, size_t first, size_t last);
               void adain_backward_planes(const AdainBackward& call, size_t first, size_t last);
               // Samples first to last of batch, channels last.
               void adain_forward_samples(const AdainForward& call, size_t first, size_t last);
               void adain_backward_samples(const AdainBackward& call, size_t first, size_t last))

}  // namespace facesdk
