// What a crop's matrix says about where to sample and how to blur; the CPU and CUDA share it.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "warp_crop/warp_crop.h"

namespace facesdk {

// The inverse of a (2, 3) matrix whose pixel centres lie at +0.5, for pixel centres at whole numbers.
inline Sampling inverse(const double* m) {
  const double determinant = m[0] * m[4] - m[1] * m[3];
  if (!std::isfinite(determinant) || std::abs(determinant) < 1e-12 || !std::isfinite(m[2]) || !std::isfinite(m[5])) {
    throw std::invalid_argument("a crop's matrix cannot be inverted");
  }
  const double shift_x = 0.5 * (m[0] + m[1]) + m[2] - 0.5, shift_y = 0.5 * (m[3] + m[4]) + m[5] - 0.5;
  Sampling out;
  out.xx = m[4] / determinant, out.xy = -m[1] / determinant;
  out.yx = -m[3] / determinant, out.yy = m[0] / determinant;
  out.x0 = -(out.xx * shift_x + out.xy * shift_y);
  out.y0 = -(out.yx * shift_x + out.yy * shift_y);
  return out;
}

// cv::GaussianBlur's kernel for 8 bits. Source: OpenCV modules/imgproc/src/smooth.dispatch.cpp,
// getGaussianKernelFixedPoint_ED: the error of rounding a tap is carried to the next one.
inline Blur gaussian(double shrink) {
  Blur blur{};
  if (shrink >= 0.5) return blur;
  const double sigma = 0.4 * (1.0 / shrink - 1.0);
  const int taps = static_cast<int>(std::nearbyint(sigma * 6.0 + 1.0)) | 1;
  if (taps > kMostTaps) throw std::invalid_argument("a crop shows too many pixels of its picture: shrink it before");
  std::vector<double> weights(taps);
  double total = 0.0;
  for (int i = 0; i < taps; ++i) {
    const double x = i - (taps - 1) * 0.5;
    total += weights[i] = std::exp(-0.5 / (sigma * sigma) * x * x);
  }
  blur.radius = taps / 2;
  double error = 0.0;
  int given = 0;
  for (int i = 0; i < blur.radius; ++i) {
    const double wanted = weights[i] / total * 256.0 + error;
    const int tap = static_cast<int>(std::nearbyint(wanted));
    error = wanted - tap;
    blur.taps[i] = blur.taps[taps - 1 - i] = static_cast<uint16_t>(tap);
    given += 2 * tap;
  }
  blur.taps[blur.radius] = static_cast<uint16_t>(256 - given);
  return blur;
}

// What rows first to last of a crop show of the picture, with a pixel around it for the interpolation.
inline Window seen(const Sampling& s, const Picture& picture, int size, int first, int last) {
  double low_x = 1e300, low_y = 1e300, high_x = -1e300, high_y = -1e300;
  for (int corner = 0; corner < 4; ++corner) {
    const double column = corner & 1 ? size - 1 : 0, row = corner & 2 ? last - 1 : first;
    const double x = s.xx * column + s.xy * row + s.x0, y = s.yx * column + s.yy * row + s.y0;
    low_x = std::min(low_x, x), high_x = std::max(high_x, x);
    low_y = std::min(low_y, y), high_y = std::max(high_y, y);
  }
  const auto inside = [](double value, int limit) { return static_cast<int>(std::clamp<double>(value, 0.0, limit)); };
  Window out;
  out.x0 = inside(std::floor(low_x) - 1.0, picture.width - 1);
  out.y0 = inside(std::floor(low_y) - 1.0, picture.height - 1);
  out.x1 = std::max(inside(std::ceil(high_x) + 3.0, picture.width), out.x0 + 1);
  out.y1 = std::max(inside(std::ceil(high_y) + 3.0, picture.height), out.y0 + 1);
  return out;
}

// Crop pixels per picture pixel, along a line.
inline double shrink_of(const double* matrix) { return std::sqrt(std::abs(matrix[0] * matrix[4] - matrix[1] * matrix[3])); }

}  // namespace facesdk
