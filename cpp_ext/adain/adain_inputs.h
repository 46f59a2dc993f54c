// From Python's numbers to the tensors of one call: a data type's name and addresses.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <stdexcept>
#include <string>

#include "adain/adain_training.h"

namespace facesdk {

using Address = uintptr_t;

template <typename T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

inline Data data_of(const std::string& dtype) {
  if (dtype == "float32") return Data::f32;
  if (dtype == "bfloat16") return Data::bf16;
  if (dtype == "float16") return Data::f16;
  throw std::invalid_argument("dtype: float32, bfloat16 or float16 expected");
}

inline AdainInputs adain_inputs(const std::string& dtype, size_t batch, size_t channels, size_t pixels, size_t noise_batch,
                                Address x, Address noise, Address noise_weight, Address bias, Address gamma, float slope) {
  if (batch * channels * pixels == 0) throw std::invalid_argument("x: not empty expected");
  if (noise && noise_batch != 1 && noise_batch != batch) throw std::invalid_argument("noise: 1 or batch expected");
  return {data_of(dtype), batch, channels, pixels, noise_batch, at<void>(x), at<void>(noise), at<float>(noise_weight),
          at<float>(bias), at<float>(gamma), slope};
}

}  // namespace facesdk
