// warp_crop.h on a CUDA device: picture, out and workspace lie there, the matrices here.
#pragma once

#include "common/data.h"
#include "warp_crop/warp_crop.h"

namespace facesdk {

// Bytes that warp_crop_cuda wants as workspace, maybe 0: a crop that shows more than it has pixels is blurred before.
size_t warp_crop_workspace(int height, int width, const double* matrices, size_t count, int size);

// As warp_crop; out of float or float16. stream: a cudaStream_t of the current device.
void warp_crop_cuda(const Picture& picture, const double* matrices, size_t count, int size, bool swap_channels, float scale,
                    float offset, Data data, void* out, uint8_t* workspace, void* stream);

}  // namespace facesdk
