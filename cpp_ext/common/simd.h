// A vector of floats as wide as the level that this file is compiled for. Only *_cpu.cpp files include it, with
// FACESDK_LEVEL set to the level's namespace.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/levels.h"

#ifndef FACESDK_LEVEL
#error "FACESDK_LEVEL must name the level: setup.py sets it"
#endif

#if FACESDK_X86
#include <immintrin.h>
#endif

#if defined(_MSC_VER)
#define FACESDK_INLINE static __forceinline
#define FACESDK_RESTRICT __restrict
#else
#define FACESDK_INLINE static inline __attribute__((always_inline))
#define FACESDK_RESTRICT __restrict__
#endif

namespace facesdk {
namespace FACESDK_LEVEL {

// Asks for the cache line at p.
FACESDK_INLINE void fetch(const float* p) {
#if FACESDK_X86
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
#elif defined(__GNUC__)
  __builtin_prefetch(p);
#else
  (void)p;
#endif
}

// Until here, what `stream` wrote is seen by every thread that is told of it.
FACESDK_INLINE void await_streams() {
#if FACESDK_X86
  _mm_sfence();
#endif
}

#if FACESDK_X86 && defined(__AVX512F__)

struct Floats {
  static constexpr int width = 16;
  __m512 v;
};
FACESDK_INLINE Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
FACESDK_INLINE void store(float* p, Floats a) { _mm512_storeu_ps(p, a.v); }
// Past the caches; p at the start of a vector.
FACESDK_INLINE void stream(float* p, Floats a) { _mm512_stream_ps(p, a.v); }
FACESDK_INLINE Floats all(float x) { return {_mm512_set1_ps(x)}; }
FACESDK_INLINE Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
FACESDK_INLINE Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
FACESDK_INLINE Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
FACESDK_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
FACESDK_INLINE Floats larger(Floats a, Floats b) { return {_mm512_max_ps(a.v, b.v)}; }
FACESDK_INLINE float sum(Floats a) { return _mm512_reduce_add_ps(a.v); }

#elif FACESDK_X86 && defined(__AVX2__)

struct Floats {
  static constexpr int width = 8;
  __m256 v;
};
FACESDK_INLINE Floats load(const float* p) { return {_mm256_loadu_ps(p)}; }
FACESDK_INLINE void store(float* p, Floats a) { _mm256_storeu_ps(p, a.v); }
FACESDK_INLINE void stream(float* p, Floats a) { _mm256_stream_ps(p, a.v); }
FACESDK_INLINE Floats all(float x) { return {_mm256_set1_ps(x)}; }
FACESDK_INLINE Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.v, b.v)}; }
FACESDK_INLINE Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.v, b.v)}; }
FACESDK_INLINE Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.v, b.v)}; }
FACESDK_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
FACESDK_INLINE Floats larger(Floats a, Floats b) { return {_mm256_max_ps(a.v, b.v)}; }
FACESDK_INLINE float sum(Floats a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

#elif FACESDK_X86

struct Floats {
  static constexpr int width = 4;
  __m128 v;
};
FACESDK_INLINE Floats load(const float* p) { return {_mm_loadu_ps(p)}; }
FACESDK_INLINE void store(float* p, Floats a) { _mm_storeu_ps(p, a.v); }
FACESDK_INLINE void stream(float* p, Floats a) { _mm_stream_ps(p, a.v); }
FACESDK_INLINE Floats all(float x) { return {_mm_set1_ps(x)}; }
FACESDK_INLINE Floats operator+(Floats a, Floats b) { return {_mm_add_ps(a.v, b.v)}; }
FACESDK_INLINE Floats operator-(Floats a, Floats b) { return {_mm_sub_ps(a.v, b.v)}; }
FACESDK_INLINE Floats operator*(Floats a, Floats b) { return {_mm_mul_ps(a.v, b.v)}; }
FACESDK_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
FACESDK_INLINE Floats larger(Floats a, Floats b) { return {_mm_max_ps(a.v, b.v)}; }
FACESDK_INLINE float sum(Floats a) {
  const __m128 half = _mm_add_ps(a.v, _mm_movehl_ps(a.v, a.v));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

#else

// Without intrinsics: four lanes that the compiler turns into whatever the machine has.
struct Floats {
  static constexpr int width = 4;
  float v[4];
};
template <typename Operation>
FACESDK_INLINE Floats lanes(Operation operation) {
  return {{operation(0), operation(1), operation(2), operation(3)}};
}
FACESDK_INLINE Floats load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
FACESDK_INLINE void store(float* p, Floats a) {
  for (int i = 0; i < 4; ++i) p[i] = a.v[i];
}
FACESDK_INLINE void stream(float* p, Floats a) { store(p, a); }
FACESDK_INLINE Floats all(float x) { return {{x, x, x, x}}; }
FACESDK_INLINE Floats operator+(Floats a, Floats b) { return lanes([&](int i) { return a.v[i] + b.v[i]; }); }
FACESDK_INLINE Floats operator-(Floats a, Floats b) { return lanes([&](int i) { return a.v[i] - b.v[i]; }); }
FACESDK_INLINE Floats operator*(Floats a, Floats b) { return lanes([&](int i) { return a.v[i] * b.v[i]; }); }
FACESDK_INLINE Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
FACESDK_INLINE Floats larger(Floats a, Floats b) {
  return lanes([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
FACESDK_INLINE float sum(Floats a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }

#endif

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
