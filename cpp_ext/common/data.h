// Data types that a caller may choose from at run time.
#pragma once

namespace facesdk {

enum class Data { f32, bf16, f16 };

}  // namespace facesdk
