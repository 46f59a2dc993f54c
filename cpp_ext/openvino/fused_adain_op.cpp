#include "openvino/fused_adain_op.h"

#include <algorithm>
#include <openvino/core/parallel.hpp>

#include "adain/adain.h"
#include "common/dispatch.h"

namespace facesdk {

FusedAdaIN::FusedAdaIN(const ov::OutputVector& inputs, float slope, float epsilon)
    : Op(inputs), slope_(slope), epsilon_(epsilon) {
  constructor_validate_and_infer_types();
}

void FusedAdaIN::validate_and_infer_types() {
  const size_t count = get_input_size();
  NODE_VALIDATION_CHECK(this, count == 3 || count == 6, "FusedAdaIN takes 3 or 6 inputs, got ", count);
  const auto given = get_input_partial_shape(0);
  NODE_VALIDATION_CHECK(this, given.rank().compatible(4), "FusedAdaIN: x (N, C, H, W) expected, got ", given);
  for (size_t i = 0; i < count; ++i) {
    NODE_VALIDATION_CHECK(this, get_input_element_type(i).compatible(ov::element::f32), "FusedAdaIN takes f32 only");
  }
  NODE_VALIDATION_CHECK(this, slope_ >= 0.0f && slope_ <= 1.0f && epsilon_ > 0.0f,
                        "FusedAdaIN: slope 0 to 1 and epsilon > 0 expected");
  set_output_type(0, ov::element::f32, given);
}

std::shared_ptr<ov::Node> FusedAdaIN::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<FusedAdaIN>(inputs, slope_, epsilon_);
}

bool FusedAdaIN::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("slope", slope_);
  visitor.on_attribute("epsilon", epsilon_);
  return true;
}

bool FusedAdaIN::has_evaluate() const { return true; }

bool FusedAdaIN::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto shape = inputs[0].get_shape();
  outputs[0].set_shape(shape);
  const auto of = [&](size_t i) { return i < inputs.size() ? inputs[i].data<const float>() : nullptr; };
  const AdainCall call{shape[0], shape[1], shape[2] * shape[3], of(0), of(3), of(4), of(5), of(1), of(2),
                       slope_,   epsilon_, outputs[0].data<float>()};
  for (size_t i = 1; i < inputs.size(); ++i) {
    const size_t wanted = i < 3 ? shape[0] * shape[1] : i == 3 ? call.pixels : shape[1];
    OPENVINO_ASSERT(inputs[i].get_size() == wanted, "FusedAdaIN: input ", i, " has ", inputs[i].get_size(),
                    " values, ", wanted, " expected");
  }
  // OpenVINO's own threads, as many as the graph was given: two pools would fight for the cores.
  const auto kernel = FACESDK_PICK(adain_planes);
  const size_t planes = shape[0] * shape[1];
  const size_t parts = std::min(planes, 4 * static_cast<size_t>(std::max(1, parallel_get_max_threads())));
  ov::parallel_for(parts, [&](size_t part) { kernel(call, planes * part / parts, planes * (part + 1) / parts); });
  return true;
}

}  // namespace facesdk
