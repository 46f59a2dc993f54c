// paste.h on a CUDA device: all addresses are the device's.
#pragma once

#include "paste/paste.h"

namespace facesdk {

// As paste, but target.mask need not hold zeros: every element of it is written. crop and mask are read past no edge.
// stream: a cudaStream_t of the current device.
void paste_cuda(const float* crop, const float* mask, int height, int width, const Placing& placing, bool cubic,
                float least_mask, const Target& target, void* stream);

}  // namespace facesdk
