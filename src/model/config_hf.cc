// Fields are read through one object that knows the file's name, so that every refusal names file and field.
#include "model/config_hf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json_text.h"
#include "formats/untrusted_json.h"
#include "model/rope_scaling.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr const char* kHint = "choose a Llama or Mistral model, or download it again";
constexpr std::int64_t kMistralWindow = 4096;  // MistralConfig's own default
constexpr float kDefaultEpsilon = 1e-6f;       // of LlamaConfig and MistralConfig, as rope_theta 10,000 is

// An object of the file. null counts as absent, as in Python.
class Fields {
 public:
  Fields(const json& object, std::string place) : object_(object), place_(std::move(place)) {}
  [[noreturn]] void refuse(const std::string& reason) const {
    throw Error(Kind::Input, fmt::format("{}: {}", place_, reason), kHint);
  }
  [[nodiscard]] const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  [[nodiscard]] std::string shown(const char* key) const {
    constexpr std::size_t kShown = 60;
    std::string text = json_ascii(*find(key));
    return text.size() > kShown ? text.substr(0, kShown) + "…" : text;
  }
  [[nodiscard]] std::optional<std::int64_t> find_integer(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
      refuse(fmt::format("\"{}\" is {}, no whole number", key, shown(key)));
    return value->get<std::int64_t>();
  }
  [[nodiscard]] std::int64_t integer(const char* key) const {
    const auto value = find_integer(key);
    if (!value) refuse(fmt::format("\"{}\" is missing", key));
    return *value;
  }
  [[nodiscard]] std::optional<float> find_number(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    const double number = value->is_number() ? value->get<double>() : NAN;
    if (!(std::abs(number) <= 1e30)) refuse(fmt::format("\"{}\" is {}, no usable number", key, shown(key)));
    return static_cast<float>(number);
  }
  [[nodiscard]] float number(const char* key) const {
    const auto value = find_number(key);
    if (!value) refuse(fmt::format("\"{}\" is missing", key));
    return *value;
  }
  [[nodiscard]] bool flag(const char* key) const {
    const json* value = find(key);
    if (value && !value->is_boolean()) refuse(fmt::format("\"{}\" is {}, neither true nor false", key, shown(key)));
    return value && value->get<bool>();
  }
  [[nodiscard]] std::optional<std::string> find_text(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    if (!value->is_string()) refuse(fmt::format("\"{}\" is {}, no text", key, shown(key)));
    return value->get<std::string>();
  }
  [[nodiscard]] std::optional<Fields> find_object(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    if (!value->is_object()) refuse(fmt::format("\"{}\" is {}, no object", key, shown(key)));
    return Fields(*value, fmt::format("{}: \"{}\"", place_, key));
  }
  [[nodiscard]] bool empty() const { return object_.empty(); }
  [[nodiscard]] const json& object() const { return object_; }

 private:
  const json& object_;
  std::string place_;
};

enum class Architecture { Llama, Mistral };

Architecture read_architecture(const Fields& fields) {
  const json* names = fields.find("architectures");
  if (!names) fields.refuse("\"architectures\" is missing");
  if (!names->is_array() || names->size() != 1 || !names->front().is_string())
    fields.refuse(fmt::format("\"architectures\" is {}, no list of one name", fields.shown("architectures")));
  const std::string name = names->front().get<std::string>();
  const bool llama = name == "LlamaForCausalLM";
  if (!llama && name != "MistralForCausalLM") {
    fields.refuse(fmt::format(
        "architecture \"{}\" is not supported yet, only LlamaForCausalLM and MistralForCausalLM are", name));
  }
  const std::string type = fields.find_text("model_type").value_or(llama ? "llama" : "mistral");
  if (type != (llama ? "llama" : "mistral"))
    fields.refuse(fmt::format("\"model_type\" is \"{}\", which does not fit {}", type, name));
  return llama ? Architecture::Llama : Architecture::Mistral;
}

void refuse_unsupported(const Fields& fields, Architecture architecture) {
  if (const auto quantised = fields.find_object("quantization_config")) {
    fields.refuse(
        fmt::format("weights quantised by {} are not supported yet (\"quantization_config\")",
                    quantised->find("quant_method") ? quantised->shown("quant_method") : "an unnamed method"));
  }
  const std::string act = fields.find_text("hidden_act").value_or("silu");
  if (act != "silu") fields.refuse(fmt::format("\"hidden_act\" = \"{}\" is not supported yet, only \"silu\" is", act));
  if (fields.flag("rope_interleaved")) fields.refuse("\"rope_interleaved\" = true is not supported yet");
  if (architecture == Architecture::Llama) {
    if (fields.find("sliding_window")) fields.refuse("\"sliding_window\" is no setting of LlamaForCausalLM");
    return;
  }
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (fields.flag(key)) fields.refuse(fmt::format("\"{}\" = true is no setting of MistralForCausalLM", key));
}

void refuse_partial_rotation(const Fields& fields) {
  const float part = fields.find_number("partial_rotary_factor").value_or(1);
  if (part != 1) fields.refuse(fmt::format("\"partial_rotary_factor\" = {} is not supported yet, only 1 is", part));
}

// All layers alike, or it is another kind of model.
void check_layer_types(const Fields& fields, const LlamaConfig& config) {
  const json* types = fields.find("layer_types");
  if (!types) return;
  const char* expected = config.sliding_window > 0 ? "sliding_attention" : "full_attention";
  const bool alike = types->is_array() &&
                     std::all_of(types->begin(), types->end(), [&](const json& type) { return type == expected; });
  if (!alike) fields.refuse(fmt::format("\"layer_types\" other than {} are not supported yet", expected));
}

RopeScaling read_yarn(const Fields& rope, const Fields& whole, std::int64_t max_positions) {
  RopeScaling out;
  out.kind = RopeScaling::Kind::Yarn;
  auto original = rope.find_integer("original_max_position_embeddings");
  if (!original) original = whole.find_integer("original_max_position_embeddings");
  out.original_positions = original.value_or(max_positions);
  if (out.original_positions < 1) rope.refuse("\"original_max_position_embeddings\" is 0");
  const double ratio = static_cast<double>(max_positions) / static_cast<double>(out.original_positions);
  out.factor = rope.find_number("factor").value_or(static_cast<float>(ratio));
  const float scale = rope.find_number("mscale").value_or(0), all = rope.find_number("mscale_all_dim").value_or(0);
  if (const auto attention = rope.find_number("attention_factor")) {
    if (*attention <= 0) rope.refuse(fmt::format("\"attention_factor\" is {}", *attention));
    out.attention_factor = *attention;
  } else if (scale != 0 && all != 0) {
    out.attention_factor =
        static_cast<float>(yarn_attention_factor(out.factor, scale) / yarn_attention_factor(out.factor, all));
  }
  // 0 means the default there, as Python's "or" has it.
  if (const auto beta = rope.find_number("beta_fast"); beta && *beta != 0) out.beta_fast = *beta;
  if (const auto beta = rope.find_number("beta_slow"); beta && *beta != 0) out.beta_slow = *beta;
  out.truncate = !rope.find("truncate") || rope.flag("truncate");
  return out;
}

RopeScaling read_llama3(const Fields& rope) {
  RopeScaling out;
  out.kind = RopeScaling::Kind::Llama3;
  out.factor = rope.number("factor");
  out.low_freq_factor = rope.number("low_freq_factor");
  out.high_freq_factor = rope.number("high_freq_factor");
  out.original_positions = rope.integer("original_max_position_embeddings");
  return out;
}

RopeScaling read_rope_scaling(const Fields& rope, const Fields& whole, std::int64_t max_positions) {
  auto kind = rope.find_text("rope_type");
  if (!kind) kind = rope.find_text("type");  // before transformers 4.43
  RopeScaling out;
  if (!kind) {
    if (rope.find("factor")) rope.refuse("\"rope_type\" is missing");
    return out;
  }
  if (*kind == "default") return out;
  if (*kind == "yarn") return read_yarn(rope, whole, max_positions);
  if (*kind == "llama3") return read_llama3(rope);
  if (*kind != "linear" && *kind != "dynamic")
    rope.refuse(fmt::format("RoPE scaling of the kind \"{}\" is not supported yet", *kind));
  out.kind = *kind == "linear" ? RopeScaling::Kind::Linear : RopeScaling::Kind::Dynamic;
  out.factor = rope.number("factor");
  return out;
}

void read_rope(const Fields& fields, LlamaConfig& config) {
  refuse_partial_rotation(fields);
  const auto outer_theta = fields.find_number("rope_theta");
  config.rope_theta = outer_theta.value_or(config.rope_theta);
  auto rope = fields.find_object("rope_parameters");  // transformers 5
  const auto scaling = fields.find_object("rope_scaling");
  if (rope && scaling && rope->object() != scaling->object())
    fields.refuse("\"rope_parameters\" and \"rope_scaling\" say different things");
  if (!rope && scaling) rope.emplace(*scaling);
  if (!rope || rope->empty()) return;
  for (const auto& [key, value] : rope->object().items())
    if (value.is_object()) rope->refuse(fmt::format("rotary parameters for \"{}\" alone are not supported yet", key));
  refuse_partial_rotation(*rope);
  if (const auto theta = rope->find_number("rope_theta")) {
    if (outer_theta && *outer_theta != *theta)
      fields.refuse(fmt::format("two values of \"rope_theta\": {}, {}", *outer_theta, *theta));
    config.rope_theta = *theta;
  }
  config.rope_scaling = read_rope_scaling(*rope, fields, config.max_positions);
}

void read_heads(const Fields& fields, Architecture architecture, LlamaConfig& config) {
  config.n_heads = fields.integer("num_attention_heads");
  if (config.n_heads < 1) fields.refuse("\"num_attention_heads\" is 0");
  // LlamaConfig's default is as many as heads; MistralConfig's is 8, but its files always say it.
  config.n_kv_heads = architecture == Architecture::Mistral
                          ? fields.integer("num_key_value_heads")
                          : fields.find_integer("num_key_value_heads").value_or(config.n_heads);
  const auto head_dim = fields.find_integer("head_dim");
  if (!head_dim && config.hidden_size % config.n_heads != 0) {
    fields.refuse(fmt::format("\"hidden_size\" {} is no multiple of {} heads, and \"head_dim\" is missing",
                              config.hidden_size, config.n_heads));
  }
  config.head_dim = head_dim.value_or(config.hidden_size / config.n_heads);
}

std::string last_part(const std::string& path) {
  const auto end = path.find_last_not_of("/\\");
  if (end == std::string::npos) return "";
  const auto slash = path.find_last_of("/\\", end);
  const auto begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string part = path.substr(begin, end + 1 - begin);
  return part == "." || part == ".." ? "" : part;
}

// The shortest decimal that reads back as the same float: 1e-05, not 9.999999747378752e-06.
json exact_number(float value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";  // transformers wants a float
  return parse_json(text);
}

nlohmann::ordered_json rope_json(const LlamaConfig& config) {
  using enum RopeScaling::Kind;
  const RopeScaling& s = config.rope_scaling;
  nlohmann::ordered_json out = {{"rope_theta", exact_number(config.rope_theta)}};
  out["rope_type"] = s.kind == None      ? "default"
                     : s.kind == Linear  ? "linear"
                     : s.kind == Dynamic ? "dynamic"
                     : s.kind == Llama3  ? "llama3"
                                         : "yarn";
  if (s.kind == None) return out;
  out["factor"] = exact_number(s.factor);
  if (s.kind == Llama3 || s.kind == Yarn) out["original_max_position_embeddings"] = s.original_positions;
  if (s.kind == Llama3) {
    out["low_freq_factor"] = exact_number(s.low_freq_factor);
    out["high_freq_factor"] = exact_number(s.high_freq_factor);
  }
  if (s.kind == Yarn) {
    out["beta_fast"] = exact_number(s.beta_fast);
    out["beta_slow"] = exact_number(s.beta_slow);
    if (s.attention_factor != 0) out["attention_factor"] = exact_number(s.attention_factor);
    if (!s.truncate) out["truncate"] = false;
  }
  return out;
}

void refuse_unwritable(const LlamaConfig& config) {
  const char* reason = nullptr;
  if (config.rope_scaling.kind == RopeScaling::Kind::Factors) reason = "rotary factors given one by one";
  if (config.sliding_window > 0 && (config.attention_bias || config.mlp_bias))
    reason = "a sliding window together with biases";
  if (reason) {
    throw Error(Kind::User, fmt::format("a Hugging Face folder has no words for {}", reason),
                "export it as GGUF (f32 or f16)");
  }
}

}  // namespace

HfConfig parse_hf_config(std::string_view text, const std::string& file) {
  const json parsed = parse_untrusted_json(text, {.place = file, .hint = kHint});
  const Fields fields(parsed, file);
  if (!parsed.is_object()) fields.refuse("it is no JSON object");
  const Architecture architecture = read_architecture(fields);
  refuse_unsupported(fields, architecture);
  HfConfig out;
  LlamaConfig& config = out.config;
  config.hidden_size = fields.integer("hidden_size");
  config.intermediate_size = fields.integer("intermediate_size");
  config.n_layers = fields.integer("num_hidden_layers");
  config.vocab_size = fields.integer("vocab_size");
  config.max_positions = fields.integer("max_position_embeddings");
  read_heads(fields, architecture, config);
  config.rms_norm_eps = fields.find_number("rms_norm_eps").value_or(kDefaultEpsilon);
  config.tied_embeddings = fields.flag("tie_word_embeddings");
  config.attention_bias = fields.flag("attention_bias");
  config.mlp_bias = fields.flag("mlp_bias");
  if (architecture == Architecture::Mistral) {
    const bool off = parsed.contains("sliding_window") && !fields.find("sliding_window");
    config.sliding_window = off ? 0 : fields.find_integer("sliding_window").value_or(kMistralWindow);
    if (!off && (config.sliding_window == 0 || config.sliding_window > INT32_MAX))
      fields.refuse(fmt::format("\"sliding_window\" is {}", config.sliding_window));
  }
  read_rope(fields, config);
  check_layer_types(fields, config);
  validate(config, file);
  out.name = last_part(fields.find_text("_name_or_path").value_or(""));
  return out;
}

std::string hf_config_text(const LlamaConfig& config, const TokenizerSpec& tokenizer, const std::string& name,
                           const std::string& dtype) {
  refuse_unwritable(config);
  const bool mistral = config.sliding_window > 0;
  nlohmann::ordered_json out = {
      {"architectures", json::array({mistral ? "MistralForCausalLM" : "LlamaForCausalLM"})},
      {"model_type", mistral ? "mistral" : "llama"},
      {"_name_or_path", name},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.n_layers},
      {"num_attention_heads", config.n_heads},
      {"num_key_value_heads", config.n_kv_heads},
      {"head_dim", config.head_dim},
      {"vocab_size", config.vocab_size},
      {"max_position_embeddings", config.max_positions},
      {"rms_norm_eps", exact_number(config.rms_norm_eps)},
      {"hidden_act", "silu"},
      {"tie_word_embeddings", config.tied_embeddings},
      {"rope_theta", exact_number(config.rope_theta)},  // transformers 4 reads these two, 5 the third
  };
  const auto rope = rope_json(config);
  if (config.rope_scaling.kind != RopeScaling::Kind::None) out["rope_scaling"] = rope;
  out["rope_parameters"] = rope;
  if (mistral) {
    out["sliding_window"] = config.sliding_window;
  } else {
    out["attention_bias"] = config.attention_bias;
    out["mlp_bias"] = config.mlp_bias;
  }
  const auto add_id = [&](const char* key, TokenId id) {
    if (id >= 0) out[key] = id;
  };
  add_id("bos_token_id", tokenizer.bos);
  add_id("eos_token_id", tokenizer.eos);
  add_id("pad_token_id", tokenizer.pad);
  out["torch_dtype"] = dtype;
  return json_text(out, 2) + "\n";
}

}  // namespace faqsmith
