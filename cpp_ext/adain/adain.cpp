#include "adain/adain.h"

#include <algorithm>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {

void adain(const AdainCall& call, int threads) {
  const auto kernel = FACESDK_PICK(adain_planes);
  const size_t planes = call.batch * call.channels;
  // A few parts a thread, so that one on a busy core does not hold up the others.
  const size_t parts = threads <= 1 ? 1 : std::min(planes, 4 * static_cast<size_t>(threads));
  parallel_for(parts, threads, [&](size_t part) {
    kernel(call, planes * part / parts, planes * (part + 1) / parts);
  });
}

}  // namespace facesdk
