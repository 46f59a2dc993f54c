#include "warp_crop/warp_crop.h"

#include <algorithm>
#include <vector>

#include "common/dispatch.h"
#include "common/parallel.h"
#include "warp_crop/plan.h"

namespace facesdk {
namespace {

// A blurred copy of a window of the picture, three bytes a pixel, and a spare byte at its end.
std::vector<uint8_t> blurred(const Picture& picture, const Blur& blur, const Window& window) {
  const size_t row = 3 * static_cast<size_t>(window.x1 - window.x0), taps = 2 * blur.radius + 1;
  std::vector<float> rows((taps + 2) * (row + kSpare) + 3 * taps);
  std::vector<uint8_t> out(row * (window.y1 - window.y0) + kSpare);
  FACESDK_PICK(blur_window)(picture, blur, window, rows.data(), out.data());
  return out;
}

}  // namespace

void warp_crop(const Picture& picture, const double* matrices, size_t count, int size, bool swap_channels, float scale,
               float offset, float* out, int threads) {
  const auto kernel = FACESDK_PICK(sample_rows);
  const size_t plane = static_cast<size_t>(size) * size;
  // One crop is shared by all threads; several are whole tasks.
  const size_t bands = std::clamp<size_t>((threads + count - 1) / count, 1, std::max(1, size / 16));
  parallel_for(count * bands, threads, [&](size_t task) {
    const size_t crop = task / bands, band = task % bands;
    const int first = static_cast<int>(size * band / bands), last = static_cast<int>(size * (band + 1) / bands);
    const double* matrix = matrices + 6 * crop;
    Sampling from = inverse(matrix);
    float* red = out + 3 * plane * crop;
    float* planes[3] = {swap_channels ? red + 2 * plane : red, red + plane, swap_channels ? red : red + 2 * plane};
    const Blur blur = gaussian(shrink_of(matrix));
    if (blur.radius == 0) {
      kernel(picture, from, first, last, size, scale, offset, planes);
      return;
    }
    const Window window = seen(from, picture, size, first, last);
    const std::vector<uint8_t> copy = blurred(picture, blur, window);
    from.x0 -= window.x0;
    from.y0 -= window.y0;
    const Picture part{copy.data(), window.y1 - window.y0, window.x1 - window.x0, 3 * (window.x1 - window.x0)};
    kernel(part, from, first, last, size, scale, offset, planes);
  });
}

}  // namespace facesdk
