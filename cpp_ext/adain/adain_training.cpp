#include "adain/adain_training.h"

#include <algorithm>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {
namespace {

template <typename Call>
void over_planes(const Call& call, int threads, void (*kernel)(const Call&, size_t, size_t)) {
  const size_t planes = call.in.batch * call.in.channels;
  // A few parts a thread, so that one on a busy core does not hold up the others.
  const size_t parts = threads <= 1 ? 1 : std::min(planes, 4 * static_cast<size_t>(threads));
  parallel_for(parts, threads, [&](size_t part) {
    kernel(call, planes * part / parts, planes * (part + 1) / parts);
  });
}

}  // namespace

void adain_forward(const AdainForward& call, int threads) { over_planes(call, threads, FACESDK_PICK(adain_forward_planes)); }

void adain_backward(const AdainBackward& call, int threads) {
  over_planes(call, threads, FACESDK_PICK(adain_backward_planes));
}

}  // namespace facesdk
