#include "common/simd.h"
#include "nms/nms.h"

namespace facesdk {
namespace FACESDK_LEVEL {
namespace {

// As NumPy: NaN wins, whichever it is.
FACESDK_INLINE double larger(double a, double b) { return a > b || a != a ? a : b; }
FACESDK_INLINE double smaller(double a, double b) { return a < b || a != a ? a : b; }

}  // namespace

void drop_overlaps(const Boxes& boxes, size_t best, size_t count, double iou, double* FACESDK_RESTRICT dropped) {
  const double x0 = boxes.x0[best], y0 = boxes.y0[best], x1 = boxes.x1[best], y1 = boxes.y1[best];
  const double area = boxes.area[best];
  for (size_t i = best + 1; i < count; ++i) {
    const double width = larger(smaller(x1, boxes.x1[i]) - larger(x0, boxes.x0[i]), 0.0);
    const double height = larger(smaller(y1, boxes.y1[i]) - larger(y0, boxes.y0[i]), 0.0);
    const double shared = width * height;
    // A comparison with NaN is false, and drops the box.
    dropped[i] = shared <= iou * (area + boxes.area[i] - shared) ? dropped[i] : 1.0;
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
