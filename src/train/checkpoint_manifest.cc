// JSON of a manifest. Doubles are written so that they read back to the same bits.
#include "train/checkpoint_manifest.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/json_text.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFormat = 2;
constexpr int kFormatWithoutHash = 1;  // of earlier versions
constexpr const char* kHashKey = "sha256";
constexpr const char* kOlderIsUsed = "an older checkpoint is used if there is one";

// Of the content, not of the layout: white space says nothing.
std::string hash_without(Json json, const char* key) {
  json.erase(key);
  return sha256_hex(json_text(json));
}

Json state_to_json(const TrainState& s) {
  return {{"step", s.step},
          {"updates", s.updates},
          {"epoch", s.position.epoch},
          {"index", s.position.index},
          {"rng", s.rng},
          {"learning_rate_factor", s.learning_rate_factor},
          {"mean_loss", s.mean_loss},
          {"bad_steps", s.bad_steps},
          {"rollbacks", s.rollbacks},
          {"skipped_steps", s.skipped_steps},
          {"trained_tokens", s.trained_tokens},
          {"best_loss", s.best_loss},
          {"best_step", s.best_step},
          {"validations_since_best", s.validations_since_best},
          {"planned_steps", s.planned_steps},
          {"finished", s.finished}};
}

TrainState state_from_json(const Json& j) {
  TrainState s;
  s.step = j.at("step");
  s.updates = j.at("updates");
  s.position = {j.at("epoch"), j.at("index")};
  s.rng = j.at("rng");
  s.learning_rate_factor = j.at("learning_rate_factor");
  s.mean_loss = j.at("mean_loss");
  s.bad_steps = j.at("bad_steps");
  s.rollbacks = j.at("rollbacks");
  s.skipped_steps = j.at("skipped_steps");
  s.trained_tokens = j.at("trained_tokens");
  s.best_loss = j.at("best_loss");
  s.best_step = j.at("best_step");
  s.validations_since_best = j.at("validations_since_best");
  s.planned_steps = j.value("planned_steps", std::int64_t{0});
  s.finished = j.at("finished");
  return s;
}

Json scaling_to_json(const RopeScaling& s) {
  return {{"kind", static_cast<int>(s.kind)},
          {"factor", s.factor},
          {"original_positions", s.original_positions},
          {"low_freq_factor", s.low_freq_factor},
          {"high_freq_factor", s.high_freq_factor},
          {"beta_fast", s.beta_fast},
          {"beta_slow", s.beta_slow},
          {"attention_factor", s.attention_factor},
          {"truncate", s.truncate},
          {"factors", s.factors}};
}

RopeScaling scaling_from_json(const Json& j) {
  RopeScaling s;
  const int kind = j.at("kind");
  require(kind >= 0 && kind <= static_cast<int>(RopeScaling::Kind::Factors), "a RoPE scaling that is known");
  s.kind = static_cast<RopeScaling::Kind>(kind);
  s.factor = j.at("factor");
  s.original_positions = j.at("original_positions");
  s.low_freq_factor = j.at("low_freq_factor");
  s.high_freq_factor = j.at("high_freq_factor");
  s.beta_fast = j.at("beta_fast");
  s.beta_slow = j.at("beta_slow");
  s.attention_factor = j.at("attention_factor");
  s.truncate = j.at("truncate");
  s.factors = j.at("factors").get<std::vector<float>>();
  return s;
}

Json config_to_json(const LlamaConfig& c) {
  return {{"hidden_size", c.hidden_size},
          {"intermediate_size", c.intermediate_size},
          {"n_layers", c.n_layers},
          {"n_heads", c.n_heads},
          {"n_kv_heads", c.n_kv_heads},
          {"head_dim", c.head_dim},
          {"vocab_size", c.vocab_size},
          {"max_positions", c.max_positions},
          {"rope_theta", c.rope_theta},
          {"rope_scaling", scaling_to_json(c.rope_scaling)},
          {"rms_norm_eps", c.rms_norm_eps},
          {"tied_embeddings", c.tied_embeddings},
          {"attention_bias", c.attention_bias},
          {"mlp_bias", c.mlp_bias},
          {"sliding_window", c.sliding_window}};
}

LlamaConfig config_from_json(const Json& j) {
  LlamaConfig c;
  c.hidden_size = j.at("hidden_size");
  c.intermediate_size = j.at("intermediate_size");
  c.n_layers = j.at("n_layers");
  c.n_heads = j.at("n_heads");
  c.n_kv_heads = j.at("n_kv_heads");
  c.head_dim = j.at("head_dim");
  c.vocab_size = j.at("vocab_size");
  c.max_positions = j.at("max_positions");
  c.rope_theta = j.at("rope_theta");
  c.rms_norm_eps = j.at("rms_norm_eps");
  c.tied_embeddings = j.at("tied_embeddings");
  // Checkpoints of earlier versions are of models without these.
  if (j.contains("rope_scaling")) c.rope_scaling = scaling_from_json(j.at("rope_scaling"));
  c.attention_bias = j.value("attention_bias", false);
  c.mlp_bias = j.value("mlp_bias", false);
  c.sliding_window = j.value("sliding_window", std::int64_t{0});
  return c;
}

Json lora_to_json(const LoraConfig& lora) {
  std::vector<int> targets;
  for (const Linear target : lora.targets) targets.push_back(static_cast<int>(target));
  Json by_layer = Json::array();
  for (const std::vector<Linear>& linears : lora.by_layer) {
    by_layer.push_back(Json::array());
    for (const Linear linear : linears) by_layer.back().push_back(static_cast<int>(linear));
  }
  return {{"rank", lora.rank}, {"alpha", lora.alpha}, {"dropout", lora.dropout}, {"rslora", lora.rslora},
          {"dora", lora.dora}, {"targets", targets},  {"by_layer", by_layer}};
}

LoraConfig lora_from_json(const Json& j, const std::string& file) {
  LoraConfig lora;
  lora.rank = j.at("rank");
  lora.alpha = j.at("alpha");
  lora.dropout = j.at("dropout");
  lora.rslora = j.value("rslora", false);
  lora.dora = j.value("dora", false);
  const auto to_linears = [&](const Json& numbers) {
    std::vector<Linear> linears;
    for (const int linear : numbers.get<std::vector<int>>()) {
      if (linear < 0 || linear >= kLinearsPerLayer)
        throw Error(Kind::Input, file + " names a linear that does not exist", "train again");
      linears.push_back(static_cast<Linear>(linear));
    }
    return linears;
  };
  lora.targets = to_linears(j.at("targets"));
  for (const Json& layer : j.value("by_layer", Json::array())) lora.by_layer.push_back(to_linears(layer));
  return lora;
}

}  // namespace

std::string manifest_to_json(const Manifest& m, const FileHashes& files) {
  Json json = {{"format", kFormat},
               {"fingerprint", m.fingerprint},
               {"base", {{"name", m.base_name}, {"sha256", m.base_sha256}}},
               {"method", method_name(m.method)},
               {"lora", lora_to_json(m.lora)},
               {"config", config_to_json(m.config)},
               {"options", parse_ordered_json(m.options)},
               {"state", state_to_json(m.state)},
               {"files", files}};
  json[kHashKey] = hash_without(json, kHashKey);
  return json_text(json, 2) + "\n";
}

Manifest manifest_from_json(const std::string& text, const std::string& file, FileHashes& files) {
  try {
    const Json json = parse_ordered_json(text);
    const bool hashed = json.at("format") == kFormat;
    if (!hashed && json.at("format") != kFormatWithoutHash)
      throw Error(Kind::Input, file + " has a format that this program does not know", "use the program that wrote it");
    if (hashed && json.at(kHashKey) != hash_without(json, kHashKey))
      throw Error(Kind::Input, file + " is damaged: its own SHA-256 is another", kOlderIsUsed);
    Manifest m;
    m.fingerprint = json.at("fingerprint");
    m.base_name = json.at("base").at("name");
    m.base_sha256 = json.at("base").at("sha256");
    m.options = json_text(json.at("options"));
    m.method = parse_method(json.at("method"));
    m.lora = lora_from_json(json.at("lora"), file);
    m.config = config_from_json(json.at("config"));
    m.state = state_from_json(json.at("state"));
    files = json.at("files").get<FileHashes>();
    return m;
  } catch (const nlohmann::json::parse_error& e) {
    // Its own text shows the damaged bytes, which are no text for a terminal.
    throw Error(Kind::Input, file + " is damaged: it is no JSON from byte " + std::to_string(e.byte) + " on",
                kOlderIsUsed);
  } catch (const nlohmann::json::exception& e) {
    throw Error(Kind::Input, file + " is damaged: " + e.what(), kOlderIsUsed);
  }
}

}  // namespace faqsmith
