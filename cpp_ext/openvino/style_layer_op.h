// facesdk::StyleLayer as an OpenVINO operation.
#pragma once

#include <openvino/op/op.hpp>

namespace facesdk {

// Inputs: x (N, H, W, C) bf16, weights (bytes) u8, noise (pixels of out), noise_weight (O), bias (O), gamma (N, O),
// beta (N, O), all f32. Output (N, H, W, O) bf16, both sides twice as long if doubled.
class StyleLayer : public ov::op::Op {
 public:
  OPENVINO_OP("StyleLayer", "facesdk");

  StyleLayer() = default;
  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override;
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  int64_t out_channels_ = 0;
  bool doubled_ = false;
  float slope_ = 1.0f;
  float epsilon_ = 1e-5f;
};

}  // namespace facesdk
