// Noise, bias and leaky ReLU of a few vectors of channels, pixel by pixel. For *_cpu.cpp files only.
#pragma once

#include "adain/adain_training.h"
#include "common/training_simd.h"

namespace facesdk {
namespace FACESDK_LEVEL {

// Sums run in float within so many pixels and in double over them.
constexpr size_t kPixelBlock = 128;
constexpr size_t kMostVectors = 2;
constexpr size_t kMostLanes = kMostVectors * Floats::width;

// Channels first[0], first[1], ... and those that follow each of them within a vector.
template <typename T, int V>
struct ChannelActivation {
  const T *x, *noise;
  size_t channels, first[V];
  Floats weights[V], biases[V], slopes;

  ChannelActivation(const AdainInputs& in, size_t sample, const size_t* starts) : channels(in.channels) {
    x = static_cast<const T*>(in.x) + sample * in.pixels * in.channels;
    noise = in.noise ? static_cast<const T*>(in.noise) + (in.noise_batch > 1 ? sample * in.pixels : 0) : nullptr;
    slopes = all(in.slope);
    for (int v = 0; v < V; ++v) {
      first[v] = starts[v];
      weights[v] = in.noise_weight ? load(in.noise_weight + first[v]) : all(1.0f);
      biases[v] = in.bias ? load(in.bias + first[v]) : all(0.0f);
    }
  }

  size_t at(size_t pixel, int v) const { return pixel * channels + first[v]; }
  // The noise of a pixel, the same for all channels; 0 without.
  Floats grain(size_t pixel) const { return noise ? all(to_float(noise[pixel])) : all(0.0f); }
  // x + weight noise + bias.
  Floats before(size_t pixel, int v, Floats grain) const {
    return load(x + at(pixel, v)) + multiply_add(weights[v], grain, biases[v]);
  }
  // max(a, slope a) is leaky ReLU for 0 <= slope <= 1.
  Floats of(Floats a) const { return larger(a, a * slopes); }
};

// Two sums for every channel of a group: each(pixel, s, q) adds a pixel to both vectors of sums.
template <int V, typename Each>
FACESDK_INLINE void channel_sums(size_t pixels, const Each& each, double* first, double* second) {
  constexpr int width = Floats::width;
  for (int i = 0; i < V * width; ++i) first[i] = second[i] = 0.0;
  for (size_t start = 0; start < pixels; start += kPixelBlock) {
    const size_t end = start + kPixelBlock < pixels ? start + kPixelBlock : pixels;
    Floats s[V], q[V];
    for (int v = 0; v < V; ++v) s[v] = q[v] = all(0.0f);
    for (size_t pixel = start; pixel < end; ++pixel) each(pixel, s, q);
    float lanes[2][width];
    for (int v = 0; v < V; ++v) {
      store(lanes[0], s[v]), store(lanes[1], q[v]);
      for (int i = 0; i < width; ++i) first[v * width + i] += lanes[0][i], second[v * width + i] += lanes[1][i];
    }
  }
}

// Calls body<V>(sample, starts) for the samples first to last and all their channels, V vectors at a time. The last vector
// overlaps the one before it where the channels are no multiple of its width: what it repeats comes out the same.
template <typename Body>
FACESDK_INLINE void over_channels(size_t channels, size_t first, size_t last, const Body& body) {
  const size_t width = Floats::width, vectors = (channels + width - 1) / width;
  for (size_t sample = first; sample < last; ++sample) {
    for (size_t done = 0; done < vectors; done += kMostVectors) {
      size_t starts[kMostVectors], count = 0;
      for (; count < kMostVectors && done + count < vectors; ++count) {
        const size_t start = (done + count) * width;
        starts[count] = start + width > channels ? channels - width : start;
      }
      if (count == 1) body.template operator()<1>(sample, starts);
      if (count == 2) body.template operator()<2>(sample, starts);
    }
  }
}

}  // namespace FACESDK_LEVEL
}  // namespace facesdk
