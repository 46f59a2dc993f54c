#include <math.h>
#include <string.h>

#include "common/quads.h"
#include "paste/paste.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// Pixels whose places are computed together: loops of this length become vectors.
constexpr int kLanes = 16;

// Weights of four neighbours as polynomials in the fraction t, for R, G, B and the mask of each: ((c3 t + c2) t + c1) t + c0.
struct Weights {
  Sixteen c3, c2, c1, c0;
};

// Bicubic with a = -0.75, as OpenCV. Source: Keys 1981, eq. 4, multiplied out.
constexpr float kA = -0.75f;
constexpr float kCubic[4][4] = {
    {kA, -2 * kA, kA, 0}, {kA + 2, -(kA + 3), 0, 1}, {-(kA + 2), 2 * kA + 3, -kA, 0}, {-kA, kA, 0, 0}};
constexpr float kLinear[4][4] = {{0, 0, 0, 0}, {0, 0, -1, 1}, {0, 0, 1, 0}, {0, 0, 0, 0}};

Weights weights_of(bool cubic) {
  float power[4][16];
  for (int i = 0; i < 16; ++i) {
    const float* row = cubic && i % 4 < 3 ? kCubic[i / 4] : kLinear[i / 4];
    for (int k = 0; k < 4; ++k) power[k][i] = row[k];
  }
  return {load_sixteen(power[0]), load_sixteen(power[1]), load_sixteen(power[2]), load_sixteen(power[3])};
}

FACESDK_INLINE Sixteen evaluate(const Weights& w, float fraction) {
  const Sixteen t = all_sixteen(fraction);
  return multiply_add(multiply_add(multiply_add(w.c3, t, w.c2), t, w.c1), t, w.c0);
}

// `at` is the neighbour before the place, in the row before it.
FACESDK_INLINE Four sample(const float* at, ptrdiff_t row, const Weights& weights, float right, float down) {
  const Sixteen x = evaluate(weights, right), y = evaluate(weights, down);
  Sixteen sum = repeat<0>(y) * load_sixteen(at);
  sum = multiply_add(repeat<1>(y), load_sixteen(at + row), sum);
  sum = multiply_add(repeat<2>(y), load_sixteen(at + 2 * row), sum);
  sum = multiply_add(repeat<3>(y), load_sixteen(at + 3 * row), sum);
  return sum_pixels(sum * x);
}

// Narrows first <= column < last to where low < slope column + start < high.
void narrow(double slope, double start, double low, double high, int& first, int& last) {
  if (fabs(slope) < 1e-12) {
    if (!(start > low && start < high)) last = first;
    return;
  }
  double from = (low - start) / slope, to = (high - start) / slope;
  if (from > to) {
    const double swap = from;
    from = to, to = swap;
  }
  // A column more on each side, since the division rounds; what is there has a mask of 0.
  const double least = floor(from), most = ceil(to) + 1.0;
  if (least > first) first = least < last ? int(least) : last;
  if (most < last) last = most > first ? int(most) : first;
}

FACESDK_INLINE uint32_t load_pixel(const uint8_t* p, bool whole_word) {
  uint32_t word = 0;
  if (whole_word) {
    memcpy(&word, p, 4);
    return word;
  }
  return p[0] | p[1] << 8 | uint32_t(p[2]) << 16;
}

}  // namespace

void paste_rows(const Tile& tile, const Placing& placing, const Support& support, bool cubic, float least_mask,
                const Target& target, int first, int last) {
  const Weights weights = weights_of(cubic);
  const float limits[4] = {255.0f, 255.0f, 255.0f, 1.0f};
  const Four low = all_four(0.0f), high = load_four(limits);
  const ptrdiff_t wide = 4 * ptrdiff_t(tile.width + 2 * kTileBorder);
  // One before the first neighbour, both ways.
  const float* origin = tile.data + (kTileBorder - 1) * (wide + 4);
  for (int row = first; row < last; ++row) {
    const double x = placing.xy * row + placing.x0, y = placing.yy * row + placing.y0;
    int begin = 0, end = target.width;
    narrow(placing.xx, x, support.x0, support.x1, begin, end);
    narrow(placing.yx, y, support.y0, support.y1, begin, end);
    uint8_t* pixels = target.pixels + row * target.stride;
    float* mask = target.mask + size_t(row) * target.width;
    for (int start = begin; start < end; start += kLanes) {
      float right[kLanes], down[kLanes];
      int column[kLanes], line[kLanes];
      const float u0 = float(x + placing.xx * start), v0 = float(y + placing.yx * start);
      const float du = float(placing.xx), dv = float(placing.yx);
      const int widest = tile.width + 1, highest = tile.height + 1;
      for (int i = 0; i < kLanes; ++i) {
        const float u = u0 + du * float(i), v = v0 + dv * float(i);
        const int whole_u = int(u) - (u < float(int(u))), whole_v = int(v) - (v < float(int(v)));
        right[i] = u - float(whole_u);
        down[i] = v - float(whole_v);
        // Lanes past the end, and the column more of narrow(), must stay within the border; their mask is 0.
        column[i] = whole_u < -2 ? -2 : whole_u > widest ? widest : whole_u;
        line[i] = whole_v < -2 ? -2 : whole_v > highest ? highest : whole_v;
      }
      const int count = end - start < kLanes ? end - start : kLanes;
      for (int i = 0; i < count; ++i) {
        const float* at = origin + line[i] * wide + 4 * ptrdiff_t(column[i]);
        const Four after = within(sample(at, wide, weights, right[i], down[i]), low, high);
        const float m = last_value(after);
        if (!(m >= least_mask)) continue;
        mask[start + i] = m;
        uint8_t* pixel = pixels + 3 * (start + i);
        // Four bytes at once stay within the row but for its last pixel.
        const Four before = from_bytes(load_pixel(pixel, start + i + 1 < target.width));
        // before + m (after - before) is before, exactly, where m is 0.
        const uint32_t word = to_bytes((after - before) * last_of(after) + before);
        memcpy(pixel, &word, 2);
        pixel[2] = uint8_t(word >> 16);
      }
    }
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
