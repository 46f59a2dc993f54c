// What OpenVINO finds when it loads this library: the operations, and FusedAdaIN's reader for ONNX graphs.
#include <openvino/core/op_extension.hpp>
#include <openvino/frontend/node_context.hpp>
#include <openvino/frontend/onnx/extension/conversion.hpp>

#include "openvino/fused_adain_op.h"
#include "openvino/style_layer_op.h"

namespace {

ov::OutputVector read_fused_adain(const ov::frontend::NodeContext& node) {
  ov::OutputVector inputs;
  for (size_t i = 0; i < node.get_input_size(); ++i) inputs.push_back(node.get_input(static_cast<int>(i)));
  const auto slope = node.get_attribute<float>("slope", 1.0f), epsilon = node.get_attribute<float>("epsilon", 1e-5f);
  return {std::make_shared<facesdk::FusedAdaIN>(inputs, slope, epsilon)};
}

}  // namespace

OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>({
    std::make_shared<ov::OpExtension<facesdk::FusedAdaIN>>(),
    std::make_shared<ov::OpExtension<facesdk::StyleLayer>>(),
    std::make_shared<ov::frontend::onnx::ConversionExtension>("FusedAdaIN", "facesdk", read_fused_adain),
}))
