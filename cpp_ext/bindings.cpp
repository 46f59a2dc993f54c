// The Python module facesdk._native. It checks what memory safety needs; facesdk.ops checks what users should be told.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "adain/adain.h"
#include "adain/adain_bindings.h"
#include "common/dispatch.h"
#include "nms/nms.h"
#include "paste/paste.h"
#include "style_attention/style_attention.h"
#include "tile_mark/tile_mark.h"
#include "warp_crop/warp_crop.h"

namespace py = pybind11;

namespace {

// C-contiguous and of exactly this type: nothing is copied on the way in.
template <typename T>
using Array = py::array_t<T, py::array::c_style>;

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

template <typename T>
bool has_shape(const Array<T>& array, std::initializer_list<py::ssize_t> shape) {
  return array.ndim() == static_cast<py::ssize_t>(shape.size()) &&
         std::equal(shape.begin(), shape.end(), array.shape());
}

template <typename T>
const T* data_or_null(const std::optional<Array<T>>& array) {
  return array ? array->data() : nullptr;
}

void adain(const Array<float>& x, const Array<float>& gamma, const Array<float>& beta,
           const std::optional<Array<float>>& noise, const std::optional<Array<float>>& noise_weight,
           const std::optional<Array<float>>& bias, float slope, float epsilon, Array<float>& out, int threads) {
  require(x.ndim() == 4 && x.size() > 0, "x: (N, C, H, W) expected, not empty");
  const py::ssize_t batch = x.shape(0), channels = x.shape(1), height = x.shape(2), width = x.shape(3);
  require(has_shape(gamma, {batch, channels}) && has_shape(beta, {batch, channels}), "gamma and beta: (N, C) expected");
  require(!noise || has_shape(*noise, {height, width}), "noise: (H, W) expected");
  require(!noise_weight || has_shape(*noise_weight, {channels}), "noise_weight: (C,) expected");
  require(!bias || has_shape(*bias, {channels}), "bias: (C,) expected");
  require(has_shape(out, {batch, channels, height, width}), "out: the shape of x expected");
  const facesdk::AdainCall call{static_cast<size_t>(batch), static_cast<size_t>(channels),
                                static_cast<size_t>(height * width), x.data(), data_or_null(noise),
                                data_or_null(noise_weight), data_or_null(bias), gamma.data(), beta.data(), slope,
                                epsilon, out.mutable_data()};
  py::gil_scoped_release release;
  facesdk::adain(call, threads);
}

// Pixels of a picture, or of a region of one: rows may lie apart, pixels may not.
void require_picture(const py::array_t<uint8_t>& image) {
  require(image.ndim() == 3 && image.shape(2) == 3, "picture: (H, W, 3) expected");
  require(image.shape(0) > 0 && image.shape(1) > 0, "picture: at least one pixel expected");
  require(image.strides(2) == 1 && image.strides(1) == 3, "picture: pixels side by side expected");
}

void warp_crop(const py::array_t<uint8_t>& image, const Array<double>& matrices, int size, bool swap_channels,
               float scale, float offset, Array<float>& out, int threads) {
  require_picture(image);
  require(matrices.ndim() == 3 && matrices.shape(1) == 2 && matrices.shape(2) == 3, "matrices: (n, 2, 3) expected");
  require(size > 0 && has_shape(out, {matrices.shape(0), 3, size, size}), "out: (n, 3, size, size) expected");
  if (matrices.shape(0) == 0) return;
  const facesdk::Picture picture{image.data(), static_cast<int>(image.shape(0)), static_cast<int>(image.shape(1)),
                                 image.strides(0)};
  float* target = out.mutable_data();
  const size_t count = static_cast<size_t>(matrices.shape(0));
  py::gil_scoped_release release;
  facesdk::warp_crop(picture, matrices.data(), count, size, swap_channels, scale, offset, target, threads);
}

// Region, crop, mask, placing, cubic, soft.
using PatchArrays = std::tuple<py::array_t<uint8_t>, Array<float>, Array<float>, std::array<double, 6>, bool, Array<float>>;

void paste(std::vector<PatchArrays>& arrays, float least_mask, int threads) {
  require(least_mask > 0, "least_mask: > 0 expected");
  std::vector<facesdk::Patch> patches;
  for (auto& [region, crop, mask, placing, cubic, soft] : arrays) {
    require_picture(region);
    require(mask.ndim() == 2 && mask.size() > 0, "mask: (h, w) expected");
    require(has_shape(crop, {mask.shape(0), mask.shape(1), 3}), "crop: (h, w, 3) expected");
    require(has_shape(soft, {region.shape(0), region.shape(1)}), "soft: the region's (H, W) expected");
    const facesdk::Placing placed{placing[0], placing[1], placing[2], placing[3], placing[4], placing[5]};
    const facesdk::Target target{region.mutable_data(), region.strides(0), soft.mutable_data(),
                                 static_cast<int>(region.shape(0)), static_cast<int>(region.shape(1))};
    patches.push_back({crop.data(), mask.data(), static_cast<int>(mask.shape(0)), static_cast<int>(mask.shape(1)),
                       placed, cubic, target});
  }
  py::gil_scoped_release release;
  facesdk::paste(patches.data(), patches.size(), least_mask, threads);
}

// Samples of a plane or of RGB, rows may lie apart.
void require_plate(const py::array_t<uint8_t>& image) {
  require(image.ndim() == 2 || (image.ndim() == 3 && image.shape(2) == 3), "plate: (H, W) or (H, W, 3) expected");
  require(image.shape(0) > 0 && image.shape(1) > 0, "plate: at least one pixel expected");
  const bool packed = image.ndim() == 2 ? image.strides(1) == 1 : image.strides(1) == 3 && image.strides(2) == 1;
  require(packed, "plate: samples side by side expected");
}

void tile_mark(const py::array_t<uint8_t>& image, const Array<int16_t>& tile, int least, int slope, int most, int cap,
               py::array_t<uint8_t>& out, int threads) {
  require_plate(image);
  require_plate(out);
  require(image.ndim() == out.ndim() && std::equal(image.shape(), image.shape() + image.ndim(), out.shape()),
          "out: the shape of the picture expected");
  require(has_shape(tile, {facesdk::kTileSide, facesdk::kTileSide}), "tile: (128, 128) expected");
  require(least >= 0 && least <= most && most < 8192, "strength: 0 <= least <= most < 8192 expected");
  require(slope >= 0 && slope < 65536 && cap >= 0 && cap < 16384, "strength: slope or cap out of range");
  const facesdk::Plate plate{image.data(),
                             image.strides(0),
                             out.mutable_data(),
                             out.strides(0),
                             static_cast<int>(image.shape(0)),
                             static_cast<int>(image.shape(1)),
                             image.ndim() == 3 ? 3 : 1};
  const int16_t* values = tile.data();
  py::gil_scoped_release release;
  facesdk::tile_mark(plate, values, {least, slope, most, cap}, threads);
}

Array<ptrdiff_t> nms(const Array<double>& boxes, const Array<ptrdiff_t>& order, double iou) {
  require(order.ndim() == 1 && has_shape(boxes, {order.shape(0), 4}), "boxes (n, 4) and order (n,) expected");
  for (py::ssize_t i = 0; i < order.shape(0); ++i) {
    require(order.data()[i] >= 0 && order.data()[i] < order.shape(0), "order: indices of boxes expected");
  }
  std::vector<ptrdiff_t> keep(static_cast<size_t>(order.shape(0)));
  {
    py::gil_scoped_release release;
    keep.resize(facesdk::nms(boxes.data(), order.data(), keep.size(), iou, keep.data()));
  }
  return Array<ptrdiff_t>(static_cast<py::ssize_t>(keep.size()), keep.data());
}

// Weights of one stream in this order; the last six only where there is a feed-forward net.
constexpr size_t kStreamArrays = 16, kWithoutNet = 10;

facesdk::Stream stream(const std::vector<Array<float>>& arrays, py::ssize_t dim) {
  require(arrays.size() == kStreamArrays || arrays.size() == kWithoutNet, "a stream: 16 or 10 arrays expected");
  size_t next = 0;
  const auto vector = [&](py::ssize_t length) {
    require(has_shape(arrays[next], {length}), "a stream: a bias or scale has another length");
    return arrays[next++].data();
  };
  const auto linear = [&](py::ssize_t inputs, py::ssize_t outputs) {
    require(has_shape(arrays[next], {outputs / facesdk::kPanel, inputs, facesdk::kPanel}),
            "a stream: a packed weight has another shape");
    const float* packed = arrays[next++].data();
    return facesdk::Linear{packed, vector(outputs), static_cast<int>(inputs), static_cast<int>(outputs)};
  };
  const auto norm = [&] {
    const float* weight = vector(dim);
    return facesdk::Norm{weight, vector(dim)};
  };
  facesdk::Stream out{};
  out.norm = norm();
  out.query = linear(dim, dim), out.key = linear(dim, dim), out.value = linear(dim, dim), out.output = linear(dim, dim);
  if (arrays.size() == kWithoutNet) return out;
  out.ffn_norm = norm();
  const py::ssize_t wide = arrays[next].ndim() == 3 ? arrays[next].shape(0) * facesdk::kPanel : 0;
  require(wide > 0, "a stream: a packed weight has three axes");
  out.widen = linear(dim, wide);
  out.narrow = linear(wide, dim);
  return out;
}

void style_attention(const Array<float>& target, const Array<float>& source,
                     const std::vector<Array<float>>& target_weights, const std::vector<Array<float>>& source_weights,
                     int heads, float epsilon, Array<float>& update_target, Array<float>& update_source, int threads) {
  require(target.ndim() == 3 && target.size() > 0, "tokens: (B, L, D) expected");
  const py::ssize_t batch = target.shape(0), length = target.shape(1), dim = target.shape(2);
  require(dim % facesdk::kPanel == 0 && heads > 0 && dim % heads == 0, "D: a multiple of 32 and of heads expected");
  for (const Array<float>* each : {&source, &static_cast<const Array<float>&>(update_target),
                                   &static_cast<const Array<float>&>(update_source)}) {
    require(has_shape(*each, {batch, length, dim}), "tokens and updates: one shape expected");
  }
  require(target_weights.size() == source_weights.size(), "both streams or none: a feed-forward net");
  const facesdk::Stream streams[2] = {stream(target_weights, dim), stream(source_weights, dim)};
  require(streams[0].widen.outputs == streams[1].widen.outputs, "both feed-forward nets: one width expected");
  const float* tokens[2] = {target.data(), source.data()};
  float* updates[2] = {update_target.mutable_data(), update_source.mutable_data()};
  const facesdk::AttentionShape shape{static_cast<int>(batch), static_cast<int>(length), static_cast<int>(dim), heads};
  py::gil_scoped_release release;
  facesdk::style_attention(shape, streams, tokens, epsilon, updates, threads);
}

}  // namespace

PYBIND11_MODULE(_native, m) {
  m.doc() = "Fused ops of facesdk for the CPU. Call them through facesdk.ops.";
  m.def("levels", [] {
    std::vector<std::string> out;
    for (facesdk::Level each : facesdk::usable_levels()) out.push_back(facesdk::name_of(each));
    return out;
  }, "Instruction-set levels that this machine can run, lowest first.");
  m.def("level", [] { return facesdk::name_of(facesdk::level()); }, "The level in use.");
  m.def("set_level", &facesdk::set_level, "Chooses a level for this process.", py::arg("name"));
  m.def("adain", &adain, "Fills out; see facesdk.ops.adain.", py::arg("x").noconvert(), py::arg("gamma").noconvert(),
        py::arg("beta").noconvert(), py::arg("noise").noconvert(), py::arg("noise_weight").noconvert(),
        py::arg("bias").noconvert(), py::arg("slope"), py::arg("epsilon"), py::arg("out").noconvert(),
        py::arg("threads"));
  m.def("warp_crop", &warp_crop, "Fills out; see facesdk.ops.warp_crop.", py::arg("image").noconvert(),
        py::arg("matrices").noconvert(), py::arg("size"), py::arg("swap_channels"), py::arg("scale"), py::arg("offset"),
        py::arg("out").noconvert(), py::arg("threads"));
  m.def("paste", &paste, "Changes regions and fills their soft, which must be zero; see facesdk.ops.blend.",
        py::arg("patches").noconvert(), py::arg("least_mask"), py::arg("threads"));
  m.def("tile_mark", &tile_mark, "Fills out; see facesdk.ops.tile_mark.", py::arg("image").noconvert(),
        py::arg("tile").noconvert(), py::arg("least"), py::arg("slope"), py::arg("most"), py::arg("cap"),
        py::arg("out").noconvert(), py::arg("threads"));
  m.def("nms", &nms, "Indices that stay; see facesdk.ops.nms.", py::arg("boxes").noconvert(),
        py::arg("order").noconvert(), py::arg("iou"));
  m.attr("PANEL") = facesdk::kPanel;
  m.def("style_attention", &style_attention, "Fills both updates; see facesdk.ops.style_attention.",
        py::arg("target").noconvert(), py::arg("source").noconvert(), py::arg("target_weights"),
        py::arg("source_weights"), py::arg("heads"), py::arg("epsilon"), py::arg("update_target").noconvert(),
        py::arg("update_source").noconvert(), py::arg("threads"));
  facesdk::bind_adain_training(m);
}
