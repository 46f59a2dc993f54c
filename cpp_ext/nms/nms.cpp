#include "nms/nms.h"

#include <cmath>
#include <vector>

#include "common/dispatch.h"

namespace facesdk {

size_t nms(const double* boxes, const ptrdiff_t* order, size_t count, double iou, ptrdiff_t* keep) {
  std::vector<double> memory(6 * count);
  double* columns[5];
  for (size_t k = 0; k < 5; ++k) columns[k] = memory.data() + k * count;
  double* dropped = memory.data() + 5 * count;
  // As NumPy's maximum: NaN wins.
  const auto side = [](double length) { return length > 0.0 || std::isnan(length) ? length : 0.0; };
  for (size_t i = 0; i < count; ++i) {
    const double* box = boxes + 4 * order[i];
    for (size_t k = 0; k < 4; ++k) columns[k][i] = box[k];
    columns[4][i] = side(box[2] - box[0]) * side(box[3] - box[1]);
  }
  const auto kernel = FACESDK_PICK(drop_overlaps);
  size_t kept = 0;
  for (size_t best = 0; best < count; ++best) {
    if (dropped[best] != 0.0) continue;
    keep[kept++] = order[best];
    kernel({columns[0], columns[1], columns[2], columns[3], columns[4]}, best, count, iou, dropped);
  }
  return kept;
}

}  // namespace facesdk
