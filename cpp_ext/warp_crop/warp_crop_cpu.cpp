#include <math.h>
#include <string.h>

#include "common/simd.h"
#include "warp_crop/warp_crop.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// Pixels that are sampled together: loops of this length become vectors.
constexpr int kLanes = 16;

FACESDK_INLINE int clamped(int value, int limit) { return value < 0 ? 0 : value > limit ? limit : value; }

FACESDK_INLINE uint32_t three_bytes(const uint8_t* p) { return p[0] | p[1] << 8 | uint32_t(p[2]) << 16; }

FACESDK_INLINE uint32_t four_bytes(const uint8_t* p) {
  uint32_t value;
  memcpy(&value, p, 4);
  return value;
}

// The four neighbours of every lane's place, as RGB in the low 24 bits, and how far the place is from the first of them.
struct Neighbours {
  uint32_t at[4][kLanes];
  float right[kLanes], down[kLanes];
};

FACESDK_INLINE void gather(const Picture& picture, double x, double y, double step_x, double step_y, Neighbours& out) {
  // Whole pixels apart, so that float keeps its digits for the fraction.
  const double origin_x = floor(x), origin_y = floor(y);
  const float first_x = float(x - origin_x), first_y = float(y - origin_y);
  const float dx = float(step_x), dy = float(step_y);
  // A place far outside must not overflow; it shows the border all the same.
  const int base_x = int(origin_x < -1e8 ? -1e8 : origin_x > 1e8 ? 1e8 : origin_x);
  const int base_y = int(origin_y < -1e8 ? -1e8 : origin_y > 1e8 ? 1e8 : origin_y);
  int column[kLanes], row[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const float u = first_x + dx * float(i), v = first_y + dy * float(i);
    const int whole_u = int(u) - (u < float(int(u))), whole_v = int(v) - (v < float(int(v)));
    out.right[i] = u - float(whole_u);
    out.down[i] = v - float(whole_v);
    column[i] = base_x + whole_u;
    row[i] = base_y + whole_v;
  }
  const int last_x = picture.width - 1, last_y = picture.height - 1;
  const uint8_t* rows[2][kLanes];
  int columns[2][kLanes];
  int largest = 0;
  for (int i = 0; i < kLanes; ++i) {
    columns[0][i] = 3 * clamped(column[i], last_x);
    columns[1][i] = 3 * clamped(column[i] + 1, last_x);
    rows[0][i] = picture.data + clamped(row[i], last_y) * picture.stride;
    rows[1][i] = picture.data + clamped(row[i] + 1, last_y) * picture.stride;
    const int end = row[i] + 1 >= last_y && column[i] + 1 >= last_x;
    largest = largest | end;
  }
  // The picture's very last pixel has no fourth byte.
  for (int k = 0; k < 4; ++k) {
    for (int i = 0; i < kLanes; ++i) {
      const uint8_t* pixel = rows[k >> 1][i] + columns[k & 1][i];
      out.at[k][i] = largest ? three_bytes(pixel) : four_bytes(pixel);
    }
  }
}

// Bilinear, rounded to 8 bits (half to even, as OpenCV), then scaled.
FACESDK_INLINE void blend(const Neighbours& n, int channel, float scale, float offset, float* FACESDK_RESTRICT out) {
  // Adding 1.5 * 2^23 leaves no room for a fraction.
  const float round = 12582912.0f;
  const int shift = 8 * channel;
  for (int i = 0; i < kLanes; ++i) {
    const float a = float(int(n.at[0][i] >> shift & 255)), b = float(int(n.at[1][i] >> shift & 255));
    const float c = float(int(n.at[2][i] >> shift & 255)), d = float(int(n.at[3][i] >> shift & 255));
    const float top = a + n.right[i] * (b - a), bottom = c + n.right[i] * (d - c);
    const float value = top + n.down[i] * (bottom - top);
    out[i] = ((value + round) - round) * scale + offset;
  }
}

// Row of the picture that stands at a place beyond its border: mirrored, the outermost pixel once.
FACESDK_INLINE int mirrored(int place, int length) {
  if (length == 1) return 0;
  const int period = 2 * length - 2;
  const int inside = (place % period + period) % period;
  return inside < length ? inside : period - inside;
}

// Columns x0 to x1 of a row as floats, three to a pixel.
void unpack(const uint8_t* row, int width, int x0, int x1, float* FACESDK_RESTRICT out) {
  const int left = x0 < 0 ? 0 : x0, right = x1 > width ? width : x1;
  for (int x = x0; x < left; ++x) {
    for (int c = 0; c < 3; ++c) out[3 * (x - x0) + c] = row[3 * mirrored(x, width) + c];
  }
  const uint8_t* from = row + 3 * left;
  float* to = out + 3 * (left - x0);
  for (int i = 0; i < 3 * (right - left); ++i) to[i] = float(from[i]);
  for (int x = right > x0 ? right : x0; x < x1; ++x) {
    for (int c = 0; c < 3; ++c) out[3 * (x - x0) + c] = row[3 * mirrored(x, width) + c];
  }
}

// out[i] = sum of taps[k] rows[k][i]; whole numbers below 2^24 all along, so that float is exact.
FACESDK_INLINE void weighted_sum(const float* const* rows, const float* taps, int count, int length, float* out) {
  for (int i = 0; i < length; i += 2 * Floats::width) {
    Floats a = all(0.0f), b = all(0.0f);
    for (int k = 0; k < count; ++k) {
      const Floats tap = all(taps[k]);
      a = multiply_add(tap, load(rows[k] + i), a);
      b = multiply_add(tap, load(rows[k] + i + Floats::width), b);
    }
    store(out + i, a);
    store(out + i + Floats::width, b);
  }
}

}  // namespace

void sample_rows(const Picture& picture, const Sampling& from, int first, int last, int size, float scale, float offset,
                 float* const planes[3]) {
  Neighbours neighbours;
  float lanes[kLanes];
  for (int row = first; row < last; ++row) {
    const double x = from.xy * row + from.x0, y = from.yy * row + from.y0;
    for (int column = 0; column < size; column += kLanes) {
      gather(picture, x + from.xx * column, y + from.yx * column, from.xx, from.yx, neighbours);
      const int count = size - column < kLanes ? size - column : kLanes;
      for (int channel = 0; channel < 3; ++channel) {
        float* out = planes[channel] + size_t(row) * size + column;
        if (count == kLanes) {
          blend(neighbours, channel, scale, offset, out);
        } else {
          blend(neighbours, channel, scale, offset, lanes);
          memcpy(out, lanes, count * sizeof(float));
        }
      }
    }
  }
}

void blur_window(const Picture& picture, const Blur& blur, const Window& window, float* rows, uint8_t* out) {
  const int taps = 2 * blur.radius + 1, length = 3 * (window.x1 - window.x0);
  const size_t stride = size_t(length) + kSpare;
  float weights[kMostTaps];
  const float* parts[kMostTaps];
  for (int k = 0; k < taps; ++k) weights[k] = float(blur.taps[k]);
  // A ring of rows that are blurred sideways, a row of results, and the row that is read.
  float* results = rows + taps * stride;
  float* raw = results + stride;
  for (int place = window.y0 - blur.radius; place < window.y1 + blur.radius; ++place) {
    const int slot = (place - window.y0 + blur.radius) % taps;
    unpack(picture.data + mirrored(place, picture.height) * picture.stride, picture.width, window.x0 - blur.radius,
           window.x1 + blur.radius, raw);
    for (int k = 0; k < taps; ++k) parts[k] = raw + 3 * k;
    weighted_sum(parts, weights, taps, length, rows + slot * stride);
    const int y = place - blur.radius;
    if (y < window.y0) continue;
    for (int k = 0; k < taps; ++k) parts[k] = rows + (slot + 1 + k) % taps * stride;
    weighted_sum(parts, weights, taps, length, results);
    uint8_t* FACESDK_RESTRICT to = out + size_t(y - window.y0) * length;
    for (int i = 0; i < length; ++i) to[i] = uint8_t(int((results[i] + 32768.0f) * (1.0f / 65536.0f)));
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
