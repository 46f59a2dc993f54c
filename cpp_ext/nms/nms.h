// Greedy non-maximum suppression.
#pragma once

#include <stddef.h>

#include "common/levels.h"

namespace facesdk {

// Boxes x0, y0, x1, y1 with their areas, best first: one array each.
struct Boxes {
  const double *x0, *y0, *x1, *y1, *area;
};

// Which of count boxes (count, 4) stay. `order` are their indices, best first; a box stays if its IoU with every box that
// stayed is <= iou, compared without a division. Arithmetic is NumPy's, NaN included. keep: room for count indices;
// returns how many stay.
size_t nms(const double* boxes, const ptrdiff_t* order, size_t count, double iou, ptrdiff_t* keep);

// Sets dropped[i], for best < i < count, where box i overlaps box `best` too much.
FACESDK_KERNEL(void drop_overlaps(const Boxes& boxes, size_t best, size_t count, double iou, double* dropped))

}  // namespace facesdk
