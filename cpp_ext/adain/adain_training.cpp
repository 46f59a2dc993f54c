#include "adain/adain_training.h"

#include <algorithm>
#include <stdexcept>

#include "common/dispatch.h"
#include "common/parallel.h"

namespace facesdk {
namespace {

template <typename Call>
void over(size_t count, const Call& call, int threads, void (*kernel)(const Call&, size_t, size_t)) {
  // A few parts a thread, so that one on a busy core does not hold up the others.
  const size_t parts = threads <= 1 ? 1 : std::min(count, 4 * static_cast<size_t>(threads));
  parallel_for(parts, threads, [&](size_t part) { kernel(call, count * part / parts, count * (part + 1) / parts); });
}

size_t planes(const AdainInputs& in) { return in.batch * in.channels; }

size_t samples(const AdainInputs& in) {
  if (in.channels < kLeastLast) throw std::invalid_argument("channels last: at least 16 channels expected");
  return in.batch;
}

}  // namespace

void adain_forward(const AdainForward& call, int threads) {
  over(planes(call.in), call, threads, FACESDK_PICK(adain_forward_planes));
}

void adain_backward(const AdainBackward& call, int threads) {
  over(planes(call.in), call, threads, FACESDK_PICK(adain_backward_planes));
}

void adain_forward_last(const AdainForward& call, int threads) {
  over(samples(call.in), call, threads, FACESDK_PICK(adain_forward_samples));
}

void adain_backward_last(const AdainBackward& call, int threads) {
  over(samples(call.in), call, threads, FACESDK_PICK(adain_backward_samples));
}

}  // namespace facesdk
