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

// What this process may use of the processor: its features, held down by ONEDNN_MAX_CPU_ISA (oneDNN's own variable, so
// that one setting holds matrix products and our kernels alike).
enum class Isa { Baseline, Avx2, Avx512, Avx512Bf16, Amx };
[[nodiscard]] Isa usable_isa();  // asked once, then remembered
// AVX-512 with VNNI (8-bit products): beside the levels, because processors without bf16 have it too.
[[nodiscard]] bool usable_vnni();

// Bf16 where usable_isa() has AMX-BF16 or AVX512-BF16, else F32. FAQSMITH_COMPUTE=f32|bf16 overrides it; bf16 on a
// processor without it, or another value, throws Error(Device or User).
[[nodiscard]] Cpu detect_cpu();
[[nodiscard]] std::string describe_cpu(const Cpu& cpu);  // for `doctor` and --version: model, instruction set, threads

}  // namespace faqsmith
