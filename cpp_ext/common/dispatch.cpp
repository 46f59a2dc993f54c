#include "common/dispatch.h"

#include <atomic>
#include <stdexcept>

#if FACESDK_X86 && defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace facesdk {
namespace {

#if FACESDK_X86 && defined(_MSC_VER)
struct Features {
  bool avx2 = false;
  bool avx512 = false;
};

Features features() {
  int leaf1[4], leaf7[4];
  __cpuid(leaf1, 1);
  __cpuidex(leaf7, 7, 0);
  // Bit 27 of ecx: the system saves the wide registers; XCR0 says which.
  const unsigned long long saved = (leaf1[2] >> 27) & 1 ? _xgetbv(0) : 0;
  Features out;
  out.avx2 = (saved & 0x6) == 0x6 && (leaf1[2] >> 12 & 1) && (leaf7[1] >> 5 & 1);
  const int wanted = 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31;  // F, DQ, BW, VL
  out.avx512 = out.avx2 && (saved & 0xe6) == 0xe6 && (leaf7[1] & wanted) == wanted;
  return out;
}
bool has_avx2() { return features().avx2; }
bool has_avx512() { return features().avx512; }
#elif FACESDK_X86
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
bool has_avx2() { return false; }
bool has_avx512() { return false; }
#endif

std::vector<Level> find_levels() {
  std::vector<Level> out{Level::baseline};
  if (has_avx2()) out.push_back(Level::avx2);
  if (has_avx512()) out.push_back(Level::avx512);
  return out;
}

std::atomic<Level>& current() {
  static std::atomic<Level> value{usable_levels().back()};
  return value;
}

}  // namespace

const std::vector<Level>& usable_levels() {
  static const std::vector<Level> levels = find_levels();
  return levels;
}

Level level() { return current().load(std::memory_order_relaxed); }

void set_level(const std::string& name) {
  std::string usable;
  for (Level each : usable_levels()) {
    if (name_of(each) == name) {
      current().store(each, std::memory_order_relaxed);
      return;
    }
    usable += " " + name_of(each);
  }
  throw std::invalid_argument("level " + name + " cannot run here; there is:" + usable);
}

std::string name_of(Level level) {
  return level == Level::avx512 ? "avx512" : level == Level::avx2 ? "avx2" : "baseline";
}

}  // namespace facesdk
