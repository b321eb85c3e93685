// The processor that ops run on, and the one place that chooses an op's implementation.
#pragma once
#include <string>

namespace faqsmith {

enum class Compute {
  F32,   // reference: float32 matrix products
  Bf16,  // bfloat16 operands, float32 accumulation (AMX or AVX512-BF16)
};

struct Cpu {
  Compute compute = Compute::F32;
};

// Runs an op: every op header declares validate(op) and run(Cpu&, op).
template <class Op>
void launch(Cpu& device, const Op& op) {
  validate(op);
  run(device, op);
}

// Bf16 where the processor has AMX-BF16 or AVX512-BF16, else F32. FAQSMITH_COMPUTE=f32|bf16 overrides it.
[[nodiscard]] Cpu detect_cpu();
[[nodiscard]] std::string describe_cpu(const Cpu& cpu);  // for `doctor` and --version: model, instruction set, threads

}  // namespace faqsmith
