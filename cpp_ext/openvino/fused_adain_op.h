// facesdk::FusedAdaIN as an OpenVINO operation: the kernels of cpp_ext/adain inside a graph.
#pragma once

#include <openvino/op/op.hpp>

namespace facesdk {

// Inputs: x (N, C, H, W), gamma (N, C), beta (N, C), noise (pixels), noise_weight (C), bias (C), all f32; the last three
// may be left out. Output as x.
class FusedAdaIN : public ov::op::Op {
 public:
  OPENVINO_OP("FusedAdaIN", "facesdk");

  FusedAdaIN() = default;
  FusedAdaIN(const ov::OutputVector& inputs, float slope, float epsilon);
  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override;
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  float slope_ = 1.0f;
  float epsilon_ = 1e-5f;
};

}  // namespace facesdk
