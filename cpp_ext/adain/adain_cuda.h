// adain_training.h on a CUDA device: all addresses are the device's.
#pragma once

#include "adain/adain_training.h"

namespace facesdk {

// Floats that adain_forward_cuda wants as workspace on the current device, maybe 0.
size_t adain_workspace(size_t planes, size_t pixels);

// stream: a cudaStream_t of the current device.
void adain_forward_cuda(const AdainForward& call, float* workspace, void* stream);
void adain_backward_cuda(const AdainBackward& call, void* stream);

}  // namespace facesdk
