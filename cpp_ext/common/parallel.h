// Splits work over threads that sleep when there is none: a waiting thread never spins, so a busy core costs its share
// of the work and nothing more.
#pragma once

#include <cstddef>
#include <functional>

namespace facesdk {

// Calls body(i) for every i in [0, count), in any order, by the caller and up to threads - 1 helpers. Returns when all
// are done. The first exception that a body throws is thrown again here, after all have ended.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace facesdk
