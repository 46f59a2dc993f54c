#pragma once

#include <pybind11/pybind11.h>

namespace facesdk {

// Adds adain_forward and adain_backward, and both with channels last.
void bind_adain_training(pybind11::module_& m);

}  // namespace facesdk
