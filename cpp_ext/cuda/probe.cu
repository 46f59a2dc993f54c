#include "cuda/probe.h"

#include "cuda/device.h"

namespace facesdk {
namespace {

__global__ void nothing() {}

}  // namespace

std::string cuda_fault() {
  int count = 0;
  cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count == 0) return "there is no CUDA device";
  // Asks whether there is code for the device, without a launch.
  cudaFuncAttributes attributes;
  if (status == cudaSuccess) status = cudaFuncGetAttributes(&attributes, nothing);
  if (status == cudaSuccess) return "";
  // So that no later call of somebody else finds the error.
  cudaGetLastError();
  return cudaGetErrorString(status);
}

}  // namespace facesdk
