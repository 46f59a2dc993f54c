#include <math.h>
#include <string.h>

#include "common/simd.h"
#include "style_attention/style_attention.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// Rows whose sums stay in registers, two vectors each: 18 of 32 registers, or 12 of 16.
constexpr int kRows = Floats::width == 16 ? 9 : 6;
constexpr int kColumns = 2 * Floats::width;

template <int rows>
void block(const Linear& linear, const float* x, const float* packed, const float* bias, float* out) {
  Floats low[rows], high[rows];
  for (int r = 0; r < rows; ++r) low[r] = load(bias), high[r] = load(bias + Floats::width);
  for (int k = 0; k < linear.inputs; ++k) {
    const Floats a = load(packed + k * kPanel), b = load(packed + k * kPanel + Floats::width);
    for (int r = 0; r < rows; ++r) {
      const Floats value = all(x[size_t(r) * linear.inputs + k]);
      low[r] = multiply_add(value, a, low[r]);
      high[r] = multiply_add(value, b, high[r]);
    }
  }
  for (int r = 0; r < rows; ++r) {
    store(out + size_t(r) * linear.outputs, low[r]);
    store(out + size_t(r) * linear.outputs + Floats::width, high[r]);
  }
}

template <int rows>
void block_of(int wanted, const Linear& linear, const float* x, const float* packed, const float* bias, float* out) {
  if constexpr (rows > 1) {
    if (wanted < rows) return block_of<rows - 1>(wanted, linear, x, packed, bias, out);
  }
  block<rows>(linear, x, packed, bias, out);
}

// e^x to 2 units in the last place, for x <= 0. 2^whole is put into the exponent, e^rest is a Taylor polynomial.
FACESDK_INLINE float exponential(float x) {
  const float magic = 12582912.0f;
  x = x < -87.0f ? -87.0f : x;
  const float shifted = x * 1.44269504f + magic, whole = shifted - magic;
  const float rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * rest + 1.0f / 720;
  p = p * rest + 1.0f / 120;
  p = p * rest + 1.0f / 24;
  p = p * rest + 1.0f / 6;
  p = p * rest + 0.5f;
  p = p * rest + 1.0f;
  p = p * rest + 1.0f;
  const int bits = (int(whole) + 127) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  return p * scale;
}

// x Phi(x), erf to 1.5e-7. Source: Abramowitz and Stegun 1964, eq. 7.1.26.
FACESDK_INLINE float exact_gelu(float x) {
  const float z = fabsf(x) * 0.70710678f;
  const float t = 1.0f / (1.0f + 0.3275911f * z);
  const float tail =
      ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t *
      exponential(-z * z);
  // Phi(x) = 1 - tail / 2 for x >= 0, and tail / 2 below.
  return x * (x >= 0.0f ? 1.0f - 0.5f * tail : 0.5f * tail);
}

float dot(const float* a, const float* b, int count) {
  const int whole = count / Floats::width * Floats::width;
  Floats total = all(0.0f);
  for (int i = 0; i < whole; i += Floats::width) total = multiply_add(load(a + i), load(b + i), total);
  float out = sum(total);
  for (int i = whole; i < count; ++i) out += a[i] * b[i];
  return out;
}

}  // namespace

void linear_panel(const Linear& linear, const float* x, int rows, int panel, bool gelu, float* out) {
  const float* packed = linear.packed + size_t(panel) * linear.inputs * kPanel;
  for (int column = 0; column < kPanel; column += kColumns) {
    const int at = panel * kPanel + column;
    // Blocks of equal height: 18 rows are 9 + 9 or 6 + 6 + 6.
    const int blocks = (rows + kRows - 1) / kRows;
    for (int i = 0; i < blocks; ++i) {
      const int first = int(int64_t(rows) * i / blocks), last = int(int64_t(rows) * (i + 1) / blocks);
      block_of<kRows>(last - first, linear, x + size_t(first) * linear.inputs, packed + column, linear.bias + at,
                      out + size_t(first) * linear.outputs + at);
    }
  }
  if (!gelu) return;
  for (int row = 0; row < rows; ++row) {
    float* FACESDK_RESTRICT values = out + size_t(row) * linear.outputs + panel * kPanel;
    for (int i = 0; i < kPanel; ++i) values[i] = exact_gelu(values[i]);
  }
}

void norm_row(const Norm& norm, const float* x, int dim, float epsilon, float* out) {
  double mean = 0.0, variance = 0.0;
  for (int i = 0; i < dim; ++i) mean += x[i];
  mean /= dim;
  for (int i = 0; i < dim; ++i) variance += (x[i] - mean) * (x[i] - mean);
  const float scale = float(1.0 / sqrt(variance / dim + epsilon)), middle = float(mean);
  for (int i = 0; i < dim; ++i) out[i] = (x[i] - middle) * scale * norm.weight[i] + norm.bias[i];
}

void attend_head(const float* query, const float* key, const float* value, int length, int width, int stride,
                 float* scores, float* out) {
  const float scale = float(1.0 / sqrt(double(width)));
  for (int row = 0; row < length; ++row) {
    const float* q = query + size_t(row) * stride;
    float largest = -INFINITY, total = 0.0f;
    for (int other = 0; other < length; ++other) {
      scores[other] = dot(q, key + size_t(other) * stride, width) * scale;
      largest = scores[other] > largest ? scores[other] : largest;
    }
    for (int other = 0; other < length; ++other) total += scores[other] = exponential(scores[other] - largest);
    float* FACESDK_RESTRICT to = out + size_t(row) * stride;
    for (int i = 0; i < width; ++i) to[i] = 0.0f;
    for (int other = 0; other < length; ++other) {
      const float weight = scores[other] / total;
      const float* v = value + size_t(other) * stride;
      for (int i = 0; i < width; ++i) to[i] += weight * v[i];
    }
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
