// Four channels of a pixel (Four), and of four neighbouring pixels (Sixteen), as the level's registers hold them.
// For *_cpu.cpp files only, as simd.h.
#pragma once

#include "common/simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {

#if FACESDK_X86

struct Four {
  __m128 v;
};
FACESDK_INLINE Four load_four(const float* p) { return {_mm_loadu_ps(p)}; }
FACESDK_INLINE Four all_four(float x) { return {_mm_set1_ps(x)}; }
FACESDK_INLINE Four operator+(Four a, Four b) { return {_mm_add_ps(a.v, b.v)}; }
FACESDK_INLINE Four operator-(Four a, Four b) { return {_mm_sub_ps(a.v, b.v)}; }
FACESDK_INLINE Four operator*(Four a, Four b) { return {_mm_mul_ps(a.v, b.v)}; }
FACESDK_INLINE Four within(Four a, Four low, Four high) { return {_mm_min_ps(_mm_max_ps(a.v, low.v), high.v)}; }
FACESDK_INLINE Four last_of(Four a) { return {_mm_shuffle_ps(a.v, a.v, 0xff)}; }
FACESDK_INLINE float last_value(Four a) { return _mm_cvtss_f32(last_of(a).v); }
// The four bytes of a word as floats, lowest first.
FACESDK_INLINE Four from_bytes(uint32_t word) {
  const __m128i zero = _mm_setzero_si128();
  const __m128i shorts = _mm_unpacklo_epi8(_mm_cvtsi32_si128(int(word)), zero);
  return {_mm_cvtepi32_ps(_mm_unpacklo_epi16(shorts, zero))};
}
// Rounded half to even; 0 to 255 expected.
FACESDK_INLINE uint32_t to_bytes(Four a) {
  const __m128i shorts = _mm_packs_epi32(_mm_cvtps_epi32(a.v), _mm_setzero_si128());
  return uint32_t(_mm_cvtsi128_si32(_mm_packus_epi16(shorts, shorts)));
}

#else

struct Four {
  float v[4];
};
FACESDK_INLINE Four load_four(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
FACESDK_INLINE Four all_four(float x) { return {{x, x, x, x}}; }
template <typename Operation>
FACESDK_INLINE Four each(Operation operation) {
  return {{operation(0), operation(1), operation(2), operation(3)}};
}
FACESDK_INLINE Four operator+(Four a, Four b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
FACESDK_INLINE Four operator-(Four a, Four b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
FACESDK_INLINE Four operator*(Four a, Four b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
FACESDK_INLINE Four within(Four a, Four low, Four high) {
  return each([&](int i) { return a.v[i] < low.v[i] ? low.v[i] : a.v[i] > high.v[i] ? high.v[i] : a.v[i]; });
}
FACESDK_INLINE Four last_of(Four a) { return {{a.v[3], a.v[3], a.v[3], a.v[3]}}; }
FACESDK_INLINE float last_value(Four a) { return a.v[3]; }
FACESDK_INLINE Four from_bytes(uint32_t word) {
  return each([&](int i) { return float(word >> (8 * i) & 255); });
}
FACESDK_INLINE uint32_t to_bytes(Four a) {
  uint32_t word = 0;
  // Adding 1.5 * 2^23 leaves no room for a fraction, and rounds half to even.
  for (int i = 0; i < 4; ++i) word |= uint32_t(int((a.v[i] + 12582912.0f) - 12582912.0f)) << (8 * i);
  return word;
}

#endif

#if FACESDK_X86 && defined(__AVX512F__)

struct Sixteen {
  __m512 v;
};
FACESDK_INLINE Sixteen load_sixteen(const float* p) { return {_mm512_loadu_ps(p)}; }
FACESDK_INLINE Sixteen all_sixteen(float x) { return {_mm512_set1_ps(x)}; }
FACESDK_INLINE Sixteen operator*(Sixteen a, Sixteen b) { return {_mm512_mul_ps(a.v, b.v)}; }
FACESDK_INLINE Sixteen multiply_add(Sixteen a, Sixteen b, Sixteen c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// Pixel k four times.
template <int k>
FACESDK_INLINE Sixteen repeat(Sixteen a) {
  return {_mm512_shuffle_f32x4(a.v, a.v, 0x55 * k)};
}
FACESDK_INLINE Four sum_pixels(Sixteen a) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  return {_mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1))};
}

#elif FACESDK_X86 && defined(__AVX2__)

struct Sixteen {
  __m256 low, high;
};
FACESDK_INLINE Sixteen load_sixteen(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
FACESDK_INLINE Sixteen all_sixteen(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
FACESDK_INLINE Sixteen operator*(Sixteen a, Sixteen b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
FACESDK_INLINE Sixteen multiply_add(Sixteen a, Sixteen b, Sixteen c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
template <int k>
FACESDK_INLINE Sixteen repeat(Sixteen a) {
  const __m256 from = k < 2 ? a.low : a.high;
  const __m256 both = _mm256_permute2f128_ps(from, from, 0x11 * (k & 1));
  return {both, both};
}
FACESDK_INLINE Four sum_pixels(Sixteen a) {
  const __m256 half = _mm256_add_ps(a.low, a.high);
  return {_mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1))};
}

#else

struct Sixteen {
  Four v[4];
};
FACESDK_INLINE Sixteen load_sixteen(const float* p) {
  return {{load_four(p), load_four(p + 4), load_four(p + 8), load_four(p + 12)}};
}
FACESDK_INLINE Sixteen all_sixteen(float x) {
  const Four f = all_four(x);
  return {{f, f, f, f}};
}
FACESDK_INLINE Sixteen operator*(Sixteen a, Sixteen b) {
  return {{a.v[0] * b.v[0], a.v[1] * b.v[1], a.v[2] * b.v[2], a.v[3] * b.v[3]}};
}
FACESDK_INLINE Sixteen multiply_add(Sixteen a, Sixteen b, Sixteen c) {
  return {{a.v[0] * b.v[0] + c.v[0], a.v[1] * b.v[1] + c.v[1], a.v[2] * b.v[2] + c.v[2], a.v[3] * b.v[3] + c.v[3]}};
}
template <int k>
FACESDK_INLINE Sixteen repeat(Sixteen a) {
  return {{a.v[k], a.v[k], a.v[k], a.v[k]}};
}
FACESDK_INLINE Four sum_pixels(Sixteen a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }

#endif

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
