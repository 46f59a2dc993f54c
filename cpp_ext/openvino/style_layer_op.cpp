#include "openvino/style_layer_op.h"

#include "openvino/style_layer.h"

namespace facesdk {

void StyleLayer::validate_and_infer_types() {
  NODE_VALIDATION_CHECK(this, get_input_size() == 7, "StyleLayer takes 7 inputs");
  const auto given = get_input_partial_shape(0);
  NODE_VALIDATION_CHECK(this, given.rank().compatible(4), "StyleLayer: x (N, H, W, C) expected, got ", given);
  NODE_VALIDATION_CHECK(this, get_input_element_type(0).compatible(ov::element::bf16), "StyleLayer: x must be bf16");
  const ov::Dimension times(doubled_ ? 2 : 1), channels(out_channels_);
  const auto shape = given.rank().is_dynamic()
                         ? ov::PartialShape{ov::Dimension(), ov::Dimension(), ov::Dimension(), channels}
                         : ov::PartialShape{given[0], given[1] * times, given[2] * times, channels};
  set_output_type(0, ov::element::bf16, shape);
}

std::shared_ptr<ov::Node> StyleLayer::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  auto copy = std::make_shared<StyleLayer>();
  copy->out_channels_ = out_channels_;
  copy->doubled_ = doubled_;
  copy->slope_ = slope_;
  copy->epsilon_ = epsilon_;
  copy->set_arguments(inputs);
  copy->constructor_validate_and_infer_types();
  return copy;
}

bool StyleLayer::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("out_channels", out_channels_);
  visitor.on_attribute("doubled", doubled_);
  visitor.on_attribute("slope", slope_);
  visitor.on_attribute("epsilon", epsilon_);
  return true;
}

bool StyleLayer::has_evaluate() const { return can_run_style_layer(); }

bool StyleLayer::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto shape = inputs[0].get_shape();
  StyleCall call{};
  call.height = shape[1];
  call.width = shape[2];
  call.in_channels = shape[3];
  call.out_channels = static_cast<size_t>(out_channels_);
  call.doubled = doubled_;
  call.slope = slope_;
  call.epsilon = epsilon_;
  call.weights = static_cast<const uint16_t*>(inputs[1].data());
  call.noise = inputs[2].data<const float>();
  call.noise_weight = inputs[3].data<const float>();
  call.bias = inputs[4].data<const float>();
  OPENVINO_ASSERT(inputs[1].get_byte_size() == 2 * call.products() * call.in_channels * call.out_channels &&
                      inputs[2].get_size() == call.out_height() * call.out_width(),
                  "StyleLayer: weights or noise do not fit the picture ", shape);
  outputs[0].set_shape({shape[0], call.out_height(), call.out_width(), call.out_channels});
  const auto* x = static_cast<const uint16_t*>(inputs[0].data());
  auto* out = static_cast<uint16_t*>(outputs[0].data());
  for (size_t n = 0; n < shape[0]; ++n) {
    call.x = x + n * call.height * call.width * call.in_channels;
    call.out = out + n * call.out_height() * call.out_width() * call.out_channels;
    call.gamma = inputs[5].data<const float>() + n * call.out_channels;
    call.beta = inputs[6].data<const float>() + n * call.out_channels;
    style_layer(call);
  }
  return true;
}

}  // namespace facesdk
