// The Python module facesdk._native_cuda: addresses in the device's memory and a stream in, nothing copied. Callers check
// the tensors (train.ops). This file ends in .cc, since setup.py takes every *.cpp for the CPU's module.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <vector>

#include "adain/adain_cuda.h"
#include "adain/adain_inputs.h"
#include "cuda/probe.h"
#include "gated_attention/gated_attention_cuda.h"
#include "paste/paste_cuda.h"
#include "style_attention/style_attention_cuda.h"
#include "warp_crop/warp_crop_cuda.h"

namespace py = pybind11;
using facesdk::Address;
using facesdk::at;

namespace {

using Matrices = py::array_t<double, py::array::c_style>;

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

void* stream_of(Address stream) { return at<void>(stream); }

facesdk::Picture picture_of(Address data, int height, int width, ptrdiff_t stride) {
  require(data != 0 && height > 0 && width > 0 && stride >= 3 * ptrdiff_t(width), "picture: at least one pixel expected");
  return {at<uint8_t>(data), height, width, stride};
}

size_t count_of(const Matrices& matrices) {
  require(matrices.ndim() == 3 && matrices.shape(1) == 2 && matrices.shape(2) == 3, "matrices: (n, 2, 3) expected");
  return static_cast<size_t>(matrices.shape(0));
}

void adain_forward(const std::string& dtype, size_t batch, size_t channels, size_t pixels, size_t noise_batch, Address x,
                   Address noise, Address noise_weight, Address bias, Address gamma, float slope, Address beta,
                   float epsilon, Address out, Address mean, Address inverse, Address workspace, Address stream) {
  facesdk::adain_forward_cuda({facesdk::adain_inputs(dtype, batch, channels, pixels, noise_batch, x, noise, noise_weight,
                                                     bias, gamma, slope),
                               at<float>(beta), epsilon, at<void>(out), at<float>(mean), at<float>(inverse)},
                              at<float>(workspace), stream_of(stream));
}

void adain_backward(const std::string& dtype, size_t batch, size_t channels, size_t pixels, size_t noise_batch, Address x,
                    Address noise, Address noise_weight, Address bias, Address gamma, float slope, Address mean,
                    Address inverse, Address grad_out, Address grad_x, Address grad_gamma, Address grad_beta,
                    Address grad_noise_weight, Address grad_bias, Address stream) {
  facesdk::adain_backward_cuda({facesdk::adain_inputs(dtype, batch, channels, pixels, noise_batch, x, noise, noise_weight,
                                                      bias, gamma, slope),
                                at<float>(mean), at<float>(inverse), at<void>(grad_out), at<void>(grad_x),
                                at<float>(grad_gamma), at<float>(grad_beta), at<float>(grad_noise_weight),
                                at<float>(grad_bias)},
                               stream_of(stream));
}

void style_attention(const std::string& dtype, int batch, int length, int dim, int heads, int wide, float epsilon,
                     std::array<Address, 2> tokens, const std::array<std::vector<Address>, 2>& weights,
                     std::array<Address, 2> updates, Address workspace, Address stream) {
  facesdk::LayerCall call{};
  call.batch = batch, call.length = length, call.dim = dim, call.heads = heads, call.wide = wide, call.epsilon = epsilon;
  const size_t wanted = wide ? facesdk::kLayerArrays : facesdk::kLayerArraysWithoutNet;
  for (size_t s = 0; s < 2; ++s) {
    require(weights[s].size() == wanted, "a stream: 16 arrays, or 10 without a net, expected");
    call.tokens[s] = at<void>(tokens[s]);
    call.updates[s] = at<void>(updates[s]);
    for (size_t i = 0; i < wanted; ++i) call.weights[s][i] = at<void>(weights[s][i]);
  }
  facesdk::style_attention_cuda(call, facesdk::data_of(dtype), at<float>(workspace), stream_of(stream));
}

void gated_attention(const std::string& dtype, int batch, int length, int extra, int heads, int width, Address query,
                     Address key, Address value, Address extra_key, Address extra_value, Address alpha, Address out,
                     Address stream) {
  facesdk::gated_attention_cuda({facesdk::data_of(dtype), batch, length, extra, heads, width, at<void>(query),
                                 at<void>(key), at<void>(value), at<void>(extra_key), at<void>(extra_value),
                                 at<float>(alpha), at<void>(out)},
                                stream_of(stream));
}

void warp_crop(Address image, int height, int width, ptrdiff_t stride, const Matrices& matrices, int size,
               bool swap_channels, float scale, float offset, const std::string& dtype, Address out, Address workspace,
               Address stream) {
  facesdk::warp_crop_cuda(picture_of(image, height, width, stride), matrices.data(), count_of(matrices), size,
                          swap_channels, scale, offset, facesdk::data_of(dtype), at<void>(out), at<uint8_t>(workspace),
                          stream_of(stream));
}

void paste(Address region, int region_height, int region_width, ptrdiff_t stride, Address crop, Address mask, int height,
           int width, const std::array<double, 6>& placing, bool cubic, float least_mask, Address soft, Address stream) {
  require(height > 0 && width > 0, "mask: (h, w) expected");
  const facesdk::Picture picture = picture_of(region, region_height, region_width, stride);
  const facesdk::Target target{at<uint8_t>(region), picture.stride, at<float>(soft), region_height, region_width};
  facesdk::paste_cuda(at<float>(crop), at<float>(mask), height, width,
                      {placing[0], placing[1], placing[2], placing[3], placing[4], placing[5]}, cubic, least_mask, target,
                      stream_of(stream));
}

}  // namespace

PYBIND11_MODULE(_native_cuda, m) {
  m.doc() = "Fused ops of facesdk for CUDA, on addresses. Call them through train.ops.";
  m.def("fault", &facesdk::cuda_fault, "Why no device here can run the ops; empty if one can.");
  m.def("adain_workspace", &facesdk::adain_workspace, "Floats that adain_forward wants.");
  m.def("adain_forward", &adain_forward, "See train.ops.adain.");
  m.def("adain_backward", &adain_backward, "See train.ops.adain.");
  m.def("style_attention_workspace", &facesdk::style_attention_workspace, "Floats that style_attention wants.");
  m.def("style_attention", &style_attention, "See train.ops.style_attention.");
  m.def("gated_attention", &gated_attention, "See train.ops.gated_attention.");
  m.def("warp_crop_workspace", [](int height, int width, const Matrices& matrices, int size) {
    return facesdk::warp_crop_workspace(height, width, matrices.data(), count_of(matrices), size);
  }, "Bytes that warp_crop wants.");
  m.def("warp_crop", &warp_crop, "See train.ops.pictures.");
  m.def("paste", &paste, "See train.ops.pictures.");
}
