// YaRN in GGUF: llama.cpp always multiplies by 0.1 ln(factor) + 1 and attn_factor comes on top; LlamaConfig keeps the
// product, or 0 for the default.
#include "model/weights_gguf_rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/rope_scaling.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

// Keys of our own, which others ignore, keep what GGUF has no exact words for: NTK scaling (it changes nothing up to
// the context length), YaRN's attention factor before it is divided, parameters of Llama 3 that are not the published
// ones.
constexpr const char* kDynamicKey = "faqsmith.rope.dynamic_factor";
constexpr const char* kAttentionKey = "faqsmith.rope.attention_factor";
constexpr const char* kLlama3Keys[] = {"faqsmith.rope.llama3_factor", "faqsmith.rope.llama3_low_freq_factor",
                                       "faqsmith.rope.llama3_high_freq_factor"};
constexpr const char* kLlama3Context = "faqsmith.rope.llama3_original_positions";
// GGUF files of Llama 3 hold what their converter computed in float32.
constexpr double kSameFactor = 1e-4;

[[noreturn]] void refuse(const GgufFile& file, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: {}", file.file(), reason), "choose another model file");
}

float number(const GgufFile& file, const std::string& key, float otherwise) {
  const double* value = file.find<double>(key);
  return value ? static_cast<float>(*value) : otherwise;
}

RopeScaling llama3(float factor, float low = 1, float high = 4, std::int64_t original_positions = 8192) {
  RopeScaling out;
  out.kind = RopeScaling::Kind::Llama3;
  out.factor = factor;
  out.low_freq_factor = low;
  out.high_freq_factor = high;
  out.original_positions = original_positions;
  return out;
}

// Llama 3.1 and 3.2.
std::vector<RopeScaling> published_llama3() {
  return {llama3(8), llama3(32)};
}

std::vector<RopeScaling> candidates(const GgufFile& file) {
  std::vector<RopeScaling> out;
  const auto context = file.find_integer(kLlama3Context);
  if (context)
    out.push_back(llama3(number(file, kLlama3Keys[0], 8), number(file, kLlama3Keys[1], 1),
                         number(file, kLlama3Keys[2], 4), *context));
  for (const RopeScaling& known : published_llama3()) out.push_back(known);
  return out;
}

RopeScaling read_factors(const GgufParts::Found& found, const LlamaConfig& config) {
  const GgufFile& file = *found.file;
  const GgufTensor& tensor = *found.tensor;
  if (tensor.dims != std::vector<std::int64_t>{config.head_dim / 2} ||
      tensor.type != static_cast<std::uint32_t>(GgmlType::F32)) {
    refuse(file, fmt::format("tensor \"{}\" is [{}] of {}, expected [{}] of F32", kRopeFactorsName,
                             fmt::join(tensor.dims, ", "), find_type(tensor.type)->name, config.head_dim / 2));
  }
  RopeScaling out;
  out.kind = RopeScaling::Kind::Factors;
  out.factors.resize(static_cast<std::size_t>(config.head_dim / 2));
  dequantize(GgmlType::F32, file.data(tensor), out.factors.data(), config.head_dim / 2);
  const auto bad =
      std::find_if(out.factors.begin(), out.factors.end(), [](float x) { return !std::isfinite(x) || x <= 0; });
  if (bad != out.factors.end()) {
    refuse(file,
           fmt::format("tensor \"{}\" is no positive number at index {}", kRopeFactorsName, bad - out.factors.begin()));
  }
  for (const RopeScaling& known : candidates(file)) {
    LlamaConfig as_known = config;
    as_known.rope_scaling = known;
    const std::vector<float> expected = rope_factors(as_known);
    const auto close = [](float a, float b) { return std::abs(a - b) <= kSameFactor * b; };
    if (std::equal(expected.begin(), expected.end(), out.factors.begin(), close)) return known;
  }
  return out;
}

RopeScaling read_yarn(const GgufFile& file, float factor, const LlamaConfig& config) {
  for (const char* key : {"llama.rope.scaling.yarn_ext_factor", "llama.rope.scaling.yarn_attn_factor"}) {
    const float value = number(file, key, 1);
    if (value != 1) refuse(file, fmt::format("metadata \"{}\" = {} is not supported yet", key, value));
  }
  RopeScaling out;
  out.kind = RopeScaling::Kind::Yarn;
  out.factor = factor;
  out.original_positions =
      file.find_integer("llama.rope.scaling.original_context_length").value_or(config.max_positions);
  out.beta_fast = number(file, "llama.rope.scaling.yarn_beta_fast", out.beta_fast);
  out.beta_slow = number(file, "llama.rope.scaling.yarn_beta_slow", out.beta_slow);
  const float on_top = number(file, "llama.rope.scaling.attn_factor", 1),
              log_scale = number(file, "llama.rope.scaling.yarn_log_multiplier", 0);
  if (on_top != 1 || log_scale != 0) {
    const double divided = log_scale == 0 ? 1 : yarn_attention_factor(factor, log_scale);
    out.attention_factor = static_cast<float>(yarn_attention_factor(factor) / divided * on_top);
  }
  const float exact = number(file, kAttentionKey, 0), product = static_cast<float>(yarn_attention_factor(factor));
  const float said = out.attention_factor == 0 ? product : out.attention_factor;
  if (exact > 0 && std::abs(exact - said) <= kSameFactor * said) out.attention_factor = exact;
  return out;
}

void add_yarn(GgufWriter& out, const RopeScaling& scaling) {
  if (!scaling.truncate) {
    throw Error(Kind::User, "YaRN with \"truncate\": false cannot be written as GGUF, which always rounds",
                "export a Hugging Face folder (hf) instead");
  }
  const RopeScaling usual;
  out.add_string("llama.rope.scaling.type", "yarn");
  out.add_float32("llama.rope.scaling.factor", scaling.factor);
  out.add_uint32("llama.rope.scaling.original_context_length", static_cast<std::uint32_t>(scaling.original_positions));
  if (scaling.beta_fast != usual.beta_fast) out.add_float32("llama.rope.scaling.yarn_beta_fast", scaling.beta_fast);
  if (scaling.beta_slow != usual.beta_slow) out.add_float32("llama.rope.scaling.yarn_beta_slow", scaling.beta_slow);
  if (scaling.attention_factor != 0) {
    const double on_top = scaling.attention_factor / yarn_attention_factor(scaling.factor);
    out.add_float32("llama.rope.scaling.attn_factor", static_cast<float>(on_top));
    out.add_float32(kAttentionKey, scaling.attention_factor);
  }
}

}  // namespace

RopeScaling read_rope_scaling(const GgufParts& parts, const LlamaConfig& config) {
  const GgufFile& file = parts.first();
  const auto* named = file.find<std::string>("llama.rope.scaling.type");
  const std::string kind = named ? *named : "linear";  // as llama.cpp does
  if (kind != "none" && kind != "linear" && kind != "yarn")
    refuse(file, fmt::format("scaled rotary embedding of the kind \"{}\" is not supported yet", kind));
  float factor = number(file, "llama.rope.scaling.factor", number(file, "llama.rope.scale_linear", 1));
  if (factor == 0) factor = 1;  // as llama.cpp does
  const auto factors = parts.find_tensor(kRopeFactorsName);
  if (factors && kind != "none" && (kind == "yarn" || factor != 1))
    refuse(file, fmt::format("\"{}\" together with {} scaling is not supported yet", kRopeFactorsName, kind));
  if (factors) return read_factors(factors, config);
  if (kind == "yarn") return read_yarn(file, factor, config);
  RopeScaling out;
  if (kind == "linear" && (named || factor != 1)) {
    out.kind = RopeScaling::Kind::Linear;
    out.factor = factor;
  } else if (const double* dynamic = file.find<double>(kDynamicKey); dynamic && factor == 1) {
    out.kind = RopeScaling::Kind::Dynamic;
    out.factor = static_cast<float>(*dynamic);
  }
  return out;
}

void add_rope_scaling(GgufWriter& out, const LlamaConfig& config) {
  using enum RopeScaling::Kind;
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.kind == Dynamic) out.add_float32(kDynamicKey, scaling.factor);
  if (scaling.kind == Linear) {
    out.add_string("llama.rope.scaling.type", "linear");
    out.add_float32("llama.rope.scaling.factor", scaling.factor);
  }
  const auto published = published_llama3();
  if (scaling.kind == Llama3 && std::find(published.begin(), published.end(), scaling) == published.end()) {
    out.add_float32(kLlama3Keys[0], scaling.factor);
    out.add_float32(kLlama3Keys[1], scaling.low_freq_factor);
    out.add_float32(kLlama3Keys[2], scaling.high_freq_factor);
    out.add_uint32(kLlama3Context, static_cast<std::uint32_t>(scaling.original_positions));
  }
  if (scaling.kind == Yarn) add_yarn(out, scaling);
}

std::vector<float> gguf_rope_factors(const LlamaConfig& config) {
  const RopeScaling::Kind kind = config.rope_scaling.kind;
  if (kind == RopeScaling::Kind::Factors) return config.rope_scaling.factors;
  return kind == RopeScaling::Kind::Llama3 ? rope_factors(config) : std::vector<float>();
}

}  // namespace faqsmith
