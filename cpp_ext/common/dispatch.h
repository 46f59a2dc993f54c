// Which instruction set runs. Every *_cpu.cpp is compiled once for each level, with that level's flags, into a namespace
// of the level's name.
#pragma once

#include <string>
#include <vector>

#include "common/levels.h"

namespace facesdk {

enum class Level { baseline, avx2, avx512 };

// Levels that are compiled in and that this CPU and its operating system can run, lowest first.
const std::vector<Level>& usable_levels();

// The level in use: the highest usable one, unless set_level chose another.
Level level();

// Throws std::invalid_argument for a level that is not usable.
void set_level(const std::string& name);

std::string name_of(Level level);

}  // namespace facesdk

// The kernel of the level in use, as a function pointer.
#if FACESDK_X86
#define FACESDK_PICK(kernel)                                       \
  (::facesdk::level() == ::facesdk::Level::avx512 ? avx512::kernel \
   : ::facesdk::level() == ::facesdk::Level::avx2 ? avx2::kernel   \
                                                  : baseline::kernel)
#else
#define FACESDK_PICK(kernel) (baseline::kernel)
#endif
