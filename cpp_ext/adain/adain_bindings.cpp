// adain for training. torch is not linked: train.ops checks the tensors and hands over their addresses.
#include "adain/adain_bindings.h"

#include "adain/adain_inputs.h"

namespace py = pybind11;

namespace facesdk {
namespace {

// float16 is a data type of the CUDA module only.
std::string on_cpu(const std::string& dtype) {
  if (dtype == "float16") throw std::invalid_argument("dtype: float32 or bfloat16 expected");
  return dtype;
}

template <typename Run>
void bind_forward(py::module_& m, const char* name, Run run) {
  m.def(name,
        [run](const std::string& dtype, size_t batch, size_t channels, size_t pixels, size_t noise_batch, Address x,
              Address noise, Address noise_weight, Address bias, Address gamma, float slope, Address beta, float epsilon,
              Address out, Address mean, Address inverse, int threads) {
          const AdainForward call{adain_inputs(on_cpu(dtype), batch, channels, pixels, noise_batch, x, noise, noise_weight,
                                               bias, gamma, slope),
                                  at<float>(beta), epsilon, at<void>(out), at<float>(mean), at<float>(inverse)};
          py::gil_scoped_release release;
          run(call, threads);
        }, "Addresses of torch's tensors; see train.ops.adain.");
}

template <typename Run>
void bind_backward(py::module_& m, const char* name, Run run) {
  m.def(name,
        [run](const std::string& dtype, size_t batch, size_t channels, size_t pixels, size_t noise_batch, Address x,
              Address noise, Address noise_weight, Address bias, Address gamma, float slope, Address mean, Address inverse,
              Address grad_out, Address grad_x, Address grad_gamma, Address grad_beta, Address grad_noise_weight,
              Address grad_bias, int threads) {
          const AdainBackward call{adain_inputs(on_cpu(dtype), batch, channels, pixels, noise_batch, x, noise, noise_weight,
                                                bias, gamma, slope),
                                   at<float>(mean), at<float>(inverse), at<void>(grad_out), at<void>(grad_x),
                                   at<float>(grad_gamma), at<float>(grad_beta), at<float>(grad_noise_weight),
                                   at<float>(grad_bias)};
          py::gil_scoped_release release;
          run(call, threads);
        }, "Addresses of torch's tensors; see train.ops.adain.");
}

}  // namespace

void bind_adain_training(py::module_& m) {
  bind_forward(m, "adain_forward", adain_forward);
  bind_forward(m, "adain_forward_last", adain_forward_last);
  bind_backward(m, "adain_backward", adain_backward);
  bind_backward(m, "adain_backward_last", adain_backward_last);
}

}  // namespace facesdk
