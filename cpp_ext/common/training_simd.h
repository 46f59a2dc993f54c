// What training needs besides simd.h: bfloat16 in memory, and a choice by sign. For *_cpu.cpp files only.
#pragma once

#include <string.h>

#include "common/simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {

// The upper half of a float.
struct Bf16 {
  uint16_t bits;
};

FACESDK_INLINE float to_float(float x) { return x; }
FACESDK_INLINE float to_float(Bf16 x) {
  const uint32_t word = uint32_t(x.bits) << 16;
  float out;
  memcpy(&out, &word, 4);
  return out;
}

FACESDK_INLINE void put(float* p, float x) { *p = x; }
// Rounded half to even; NaN stays NaN.
FACESDK_INLINE void put(Bf16* p, float x) {
  uint32_t word;
  memcpy(&word, &x, 4);
  p->bits = x != x ? 0x7fc0 : uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

#if FACESDK_X86 && defined(__AVX512F__)

FACESDK_INLINE Floats load(const Bf16* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
FACESDK_INLINE void store(Bf16* p, Floats a) {
  const __m512i word = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(word, 16), _mm512_set1_epi32(1));
  __m512i half = _mm512_srli_epi32(_mm512_add_epi32(word, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  half = _mm512_mask_mov_epi32(half, _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q), _mm512_set1_epi32(0x7fc0));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(half));
}
// yes where a > 0, otherwise no.
FACESDK_INLINE Floats if_positive(Floats a, Floats yes, Floats no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_GT_OQ), no.v, yes.v)};
}

#elif FACESDK_X86 && defined(__AVX2__)

FACESDK_INLINE Floats load(const Bf16* p) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16))};
}
FACESDK_INLINE void store(Bf16* p, Floats a) {
  const __m256i word = _mm256_castps_si256(a.v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(word, 16), _mm256_set1_epi32(1));
  __m256i half = _mm256_srli_epi32(_mm256_add_epi32(word, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  half = _mm256_blendv_epi8(half, _mm256_set1_epi32(0x7fc0), nan);
  // Packing works within 128 bits: the outer quarters hold the result after the exchange.
  half = _mm256_permute4x64_epi64(_mm256_packus_epi32(half, half), 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(half));
}
FACESDK_INLINE Floats if_positive(Floats a, Floats yes, Floats no) {
  return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, _mm256_setzero_ps(), _CMP_GT_OQ))};
}

#else

FACESDK_INLINE Floats load(const Bf16* p) {
  float lanes[Floats::width];
  for (int i = 0; i < Floats::width; ++i) lanes[i] = to_float(p[i]);
  return load(lanes);
}
FACESDK_INLINE void store(Bf16* p, Floats a) {
  float lanes[Floats::width];
  store(lanes, a);
  for (int i = 0; i < Floats::width; ++i) put(p + i, lanes[i]);
}
FACESDK_INLINE Floats if_positive(Floats a, Floats yes, Floats no) {
  float by[Floats::width], out[Floats::width], other[Floats::width];
  store(by, a), store(out, yes), store(other, no);
  for (int i = 0; i < Floats::width; ++i) out[i] = by[i] > 0.0f ? out[i] : other[i];
  return load(out);
}

#endif

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
