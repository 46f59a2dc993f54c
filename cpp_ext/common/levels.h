// Instruction-set levels as kernels see them. No header of the C++ library is included here or by kernels: an inline
// function of one could be kept by the linker in its AVX-512 form and then run on a CPU that has none.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#define FACESDK_X86 1
#else
#define FACESDK_X86 0
#endif

// Declares a kernel in the namespace of every level that is compiled.
#if FACESDK_X86
#define FACESDK_KERNEL(...) \
  namespace baseline {      \
  __VA_ARGS__;              \
  }                         \
  namespace avx2 {          \
  __VA_ARGS__;              \
  }                         \
  namespace avx512 {        \
  __VA_ARGS__;              \
  }
#else
#define FACESDK_KERNEL(...) \
  namespace baseline {      \
  __VA_ARGS__;              \
  }
#endif
