#pragma once

#include <string>

namespace facesdk {

// Why the current device cannot run this module; empty if it can.
std::string cuda_fault();

}  // namespace facesdk
