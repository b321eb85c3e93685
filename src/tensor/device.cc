// Asks the processor what it can do and the environment what it may.
#include "tensor/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"
#include "sys/parallel.h"

namespace faqsmith {

namespace {

Isa processor_isa() {
#if defined(__x86_64__) && !defined(FAQSMITH_SANITIZED)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::Baseline;
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (!v4) return Isa::Avx2;
  if (!__builtin_cpu_supports("avx512bf16")) return Isa::Avx512;
  return __builtin_cpu_supports("amx-bf16") ? Isa::Amx : Isa::Avx512Bf16;
#else
  return Isa::Baseline;
#endif
}

std::string_view isa_limit() {
  const char* value = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (!value) value = std::getenv("DNNL_MAX_CPU_ISA");
  return value ? value : "";
}

Isa allowed_isa() {
  const std::string_view name = isa_limit();
  if (name == "SSE41" || name == "AVX") return Isa::Baseline;
  if (name == "AVX2" || name == "AVX2_VNNI") return Isa::Avx2;
  if (name == "AVX512_MIC" || name == "AVX512_CORE" || name == "AVX512_CORE_VNNI") return Isa::Avx512;
  if (name == "AVX512_CORE_BF16" || name == "AVX512_CORE_FP16") return Isa::Avx512Bf16;
  return Isa::Amx;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos) return std::string(trim(std::string_view(line).substr(colon + 1)));
  }
  return "unknown processor";
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::Baseline:
      return "baseline x86-64";
    case Isa::Avx2:
      return "AVX2";
    case Isa::Avx512:
      return "AVX-512";
    case Isa::Avx512Bf16:
      return "AVX-512 BF16";
    case Isa::Amx:
      return "AMX BF16";
  }
  return "?";
}

}  // namespace

Isa usable_isa() {
  static const Isa isa = std::min(processor_isa(), allowed_isa());
  return isa;
}

bool usable_vnni() {
#if defined(__x86_64__)
  static const bool usable = usable_isa() >= Isa::Avx512 && __builtin_cpu_supports("avx512vnni") &&
                             isa_limit() != "AVX512_CORE" && isa_limit() != "AVX512_MIC";
  return usable;
#else
  return false;
#endif
}

Cpu detect_cpu() {
  const bool has_bf16 = usable_isa() >= Isa::Avx512Bf16;
  const char* value = std::getenv("FAQSMITH_COMPUTE");
  const std::string_view wish = value ? value : "";
  if (wish.empty()) return {.compute = has_bf16 ? Compute::Bf16 : Compute::F32};
  if (wish == "f32") return {.compute = Compute::F32};
  if (wish != "bf16")
    throw Error(Kind::User, fmt::format("FAQSMITH_COMPUTE={} is not known", wish), "use f32 or bf16, or unset it");
  if (!has_bf16) {
    throw Error(Kind::Device,
                "FAQSMITH_COMPUTE=bf16, but this processor (or ONEDNN_MAX_CPU_ISA) offers no bfloat16 products",
                "unset FAQSMITH_COMPUTE, or set it to f32");
  }
  return {.compute = Compute::Bf16};
}

std::string describe_cpu(const Cpu& cpu) {
  return fmt::format("{}, {}, {} matrix products, {} threads", processor_name(), isa_name(usable_isa()),
                     cpu.compute == Compute::Bf16 ? "bf16" : "f32", n_threads());
}

}  // namespace faqsmith
