// config.json: published files of both generations of transformers, and every setting that is refused, by its name.
#include "model/config_hf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "model/model_files_test.h"

namespace faqsmith {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Scaling = RopeScaling::Kind;

json llama() {
  return parse_json(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 100, "max_position_embeddings": 2048, "hidden_act": "silu", "rms_norm_eps": 1e-05,
    "rope_theta": 100000, "rope_scaling": null, "tie_word_embeddings": true})");
}

json mistral() {
  json out = llama();
  out["architectures"] = json::array({"MistralForCausalLM"});
  out["model_type"] = "mistral";
  out["sliding_window"] = nullptr;
  return out;
}

LlamaConfig read(const json& value) {
  return parse_hf_config(json_text(value), "m/config.json").config;
}

std::string refusal(const std::string& text) {
  try {
    (void)parse_hf_config(text, "m/config.json");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), testing::StartsWith("m/config.json"));
    EXPECT_NE(e.hint(), "");
    return e.what();
  }
  return "accepted";
}

std::string refusal(json value, const std::function<void(json&)>& change) {
  change(value);
  return refusal(json_text(value));
}

LlamaConfig with_rope(const char* key, const char* rope) {
  json value = llama();
  value["max_position_embeddings"] = 4096;
  value[key] = parse_json(rope);
  return read(value);
}

TEST(HfConfig, ReadsEachField) {
  const LlamaConfig c = read(llama());
  EXPECT_EQ(c.hidden_size, 64);
  EXPECT_EQ(c.intermediate_size, 96);
  EXPECT_EQ(c.n_layers, 2);
  EXPECT_EQ(c.n_heads, 4);
  EXPECT_EQ(c.n_kv_heads, 2);
  EXPECT_EQ(c.head_dim, 16);
  EXPECT_EQ(c.vocab_size, 100);
  EXPECT_EQ(c.max_positions, 2048);
  EXPECT_EQ(c.rope_theta, 100000.0f);
  EXPECT_EQ(c.rms_norm_eps, 1e-5f);
  EXPECT_TRUE(c.tied_embeddings);
  EXPECT_FALSE(c.attention_bias);
  EXPECT_FALSE(c.mlp_bias);
  EXPECT_EQ(c.sliding_window, 0);
  EXPECT_EQ(c.rope_scaling, RopeScaling{});
  json more = llama();
  more.update({{"head_dim", 20}, {"attention_bias", true}, {"mlp_bias", true}, {"_name_or_path", "org/Name"}});
  EXPECT_EQ(read(more).head_dim, 20);
  EXPECT_TRUE(read(more).attention_bias);
  EXPECT_TRUE(read(more).mlp_bias);
  EXPECT_EQ(parse_hf_config(json_text(more), "f").name, "Name");
}

TEST(HfConfig, AbsentFieldsAreWhatTransformersTakesThemFor) {
  json value = llama();
  for (const char* key : {"num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_scaling", "tie_word_embeddings",
                          "hidden_act", "model_type"}) {
    value.erase(key);
  }
  const LlamaConfig c = read(value);
  EXPECT_EQ(c.n_kv_heads, 4);
  EXPECT_EQ(c.rms_norm_eps, 1e-6f);
  EXPECT_EQ(c.rope_theta, 10000.0f);
  EXPECT_FALSE(c.tied_embeddings);
}

TEST(HfConfig, MistralsWindowIsOffOnlyWhenItSaysSo) {
  json value = mistral();
  EXPECT_EQ(read(value).sliding_window, 0);
  value["sliding_window"] = 1024;
  EXPECT_EQ(read(value).sliding_window, 1024);
  value.erase("sliding_window");
  EXPECT_EQ(read(value).sliding_window, 4096);
}

TEST(HfConfig, ReadsEachRopeScalingOfBothGenerations) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    SCOPED_TRACE(key);
    EXPECT_EQ(with_rope(key, R"({"rope_type": "default"})").rope_scaling, RopeScaling{});
    EXPECT_EQ(with_rope(key, R"({"type": "linear", "factor": 2.5})").rope_scaling.kind, Scaling::Linear);
    EXPECT_EQ(with_rope(key, R"({"type": "linear", "factor": 2.5})").rope_scaling.factor, 2.5f);
    EXPECT_EQ(with_rope(key, R"({"rope_type": "dynamic", "factor": 2})").rope_scaling.kind, Scaling::Dynamic);
    const RopeScaling three = with_rope(key, R"({"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3"})")
                                  .rope_scaling;
    EXPECT_EQ(three.kind, Scaling::Llama3);
    EXPECT_EQ(three.factor, 32.0f);
    EXPECT_EQ(three.high_freq_factor, 4.0f);
    EXPECT_EQ(three.original_positions, 8192);
  }
  EXPECT_EQ(with_rope("rope_parameters", R"({"rope_theta": 100000.0, "rope_type": "default"})").rope_theta, 100000.0f);
  json five = llama();
  five.erase("rope_theta");
  five["rope_parameters"] = parse_json(R"({"rope_theta": 500000.0, "rope_type": "default"})");
  EXPECT_EQ(read(five).rope_theta, 500000.0f);
}

TEST(HfConfig, ReadsYarnWithAllItsParameters) {
  const auto yarn = [](const std::string& more) {
    return with_rope("rope_scaling", (R"({"rope_type": "yarn", )" + more + "}").c_str()).rope_scaling;
  };
  const RopeScaling plain = yarn(R"("factor": 2.0, "original_max_position_embeddings": 1024)");
  EXPECT_EQ(plain.kind, Scaling::Yarn);
  EXPECT_EQ(plain.factor, 2.0f);
  EXPECT_EQ(plain.original_positions, 1024);
  EXPECT_EQ(plain.beta_fast, 32.0f);
  EXPECT_EQ(plain.beta_slow, 1.0f);
  EXPECT_EQ(plain.attention_factor, 0.0f);
  EXPECT_TRUE(plain.truncate);
  EXPECT_EQ(yarn(R"("original_max_position_embeddings": 1024)").factor, 4.0f);
  EXPECT_EQ(yarn(R"("factor": 2.0)").original_positions, 4096);
  const RopeScaling all =
      yarn(R"("factor": 2.0, "beta_fast": 16, "beta_slow": 2, "attention_factor": 0.5, "truncate": false)");
  EXPECT_EQ(all.beta_fast, 16.0f);
  EXPECT_EQ(all.beta_slow, 2.0f);
  EXPECT_EQ(all.attention_factor, 0.5f);
  EXPECT_FALSE(all.truncate);
  // (0.1 · 1 · ln 40 + 1) / (0.1 · 0.8 · ln 40 + 1)
  EXPECT_FLOAT_EQ(yarn(R"("factor": 40, "mscale": 1.0, "mscale_all_dim": 0.8)").attention_factor, 1.0569663f);
  EXPECT_EQ(yarn(R"("factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0)").attention_factor, 1.0f);
}

TEST(HfConfig, RefusesWhatItDoesNotComputeByName) {
  struct Case {
    const char *key, *value, *said;  // value: JSON
  };
  const Case cases[] = {
      {"architectures", R"(["Qwen2ForCausalLM"])", "architecture \"Qwen2ForCausalLM\" is not supported yet"},
      {"architectures", R"(["LlamaForSequenceClassification"])", "\"LlamaForSequenceClassification\" is not supported"},
      {"architectures", "[]", "no list of one name"},
      {"architectures", R"("LlamaForCausalLM")", "no list of one name"},
      {"architectures", "null", "\"architectures\" is missing"},
      {"model_type", R"("mixtral")", "\"model_type\" is \"mixtral\""},
      {"quantization_config", R"({"quant_method": "gptq", "bits": 4})", "quantised by \"gptq\""},
      {"quantization_config", R"({"bits": 4})", "an unnamed method"},
      {"hidden_act", R"("gelu")", "\"hidden_act\" = \"gelu\""},
      {"partial_rotary_factor", "0.5", "\"partial_rotary_factor\" = 0.5"},
      {"rope_interleaved", "true", "\"rope_interleaved\""},
      {"sliding_window", "512", "\"sliding_window\" is no setting of LlamaForCausalLM"},
      {"layer_types", R"(["full_attention", "sliding_attention"])", "\"layer_types\""},
      {"rope_scaling", R"({"rope_type": "longrope", "factor": 2.0})", "of the kind \"longrope\""},
      {"rope_scaling", R"({"rope_type": "mrope"})", "of the kind \"mrope\""},
      {"rope_scaling", R"({"factor": 2.0})", "\"rope_type\" is missing"},
      {"rope_scaling", R"({"type": "linear"})", "\"factor\" is missing"},
      {"rope_scaling", R"({"type": 4})", "no text"},
      {"rope_scaling", R"({"type": "linear", "factor": -1.0})", "the RoPE scaling factor is -1"},
      {"rope_scaling", R"({"type": "linear", "factor": 1e300})", "no usable number"},
      {"rope_scaling", R"({"type": "linear", "factor": "2"})", "no usable number"},
      {"rope_scaling", R"("linear")", "no object"},
      {"rope_scaling", R"({"type": "llama3", "factor": 8.0})", "\"low_freq_factor\" is missing"},
      {"rope_scaling",
       R"({"type": "llama3", "factor": 8.0, "low_freq_factor": 4, "high_freq_factor": 4,
           "original_max_position_embeddings": 8192})",
       "the RoPE frequency factors are 4 and 4"},
      {"rope_scaling", R"({"type": "yarn", "factor": 2.0, "original_max_position_embeddings": 0})", "is 0"},
      {"rope_scaling", R"({"type": "yarn", "factor": 2.0, "beta_fast": 1, "beta_slow": 2})",
       "YaRN's betas are 1 and 2"},
      {"rope_scaling", R"({"type": "yarn", "factor": 2.0, "attention_factor": -1})", "\"attention_factor\" is -1"},
      {"rope_scaling", R"({"type": "yarn", "factor": 2.0, "truncate": 0})", "neither true nor false"},
      {"rope_parameters", R"({"rope_theta": 5.0})", "two values of \"rope_theta\""},
      {"rope_parameters", R"({"full_attention": {"rope_type": "default"}})", "for \"full_attention\" alone"},
      {"rope_parameters", R"({"rope_type": "default", "partial_rotary_factor": 0.25})",
       "\"partial_rotary_factor\" = 0.25"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(refusal(llama(), [&](json& value) { value[c.key] = parse_json(c.value); }), HasSubstr(c.said)) << c.key;
  EXPECT_THAT(refusal(llama(),
                      [](json& value) {
                        value["rope_scaling"] = parse_json(R"({"type": "linear", "factor": 2})");
                        value["rope_parameters"] = parse_json(R"({"rope_type": "default"})");
                      }),
              HasSubstr("say different things"));
  for (const char* key : {"attention_bias", "mlp_bias"})
    EXPECT_THAT(refusal(mistral(), [&](json& value) { value[key] = true; }), HasSubstr(key));
  EXPECT_THAT(refusal(mistral(), [](json& value) { value["sliding_window"] = 0; }),
              HasSubstr("\"sliding_window\" is 0"));
  EXPECT_THAT(refusal(mistral(), [](json& value) { value.erase("num_key_value_heads"); }),
              HasSubstr("num_key_value_heads"));
}

TEST(HfConfig, RefusesSizesThatCannotBeByName) {
  for (const char* key : {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                          "max_position_embeddings"}) {
    EXPECT_THAT(refusal(llama(), [&](json& value) { value.erase(key); }),
                HasSubstr(fmt::format("\"{}\" is missing", key)));
    for (const json& bad : {json(-1), json(1.5), json("64"), json(true), json(18446744073709551615u), json::array({1})})
      EXPECT_THAT(refusal(llama(), [&](json& value) { value[key] = bad; }), HasSubstr(key)) << bad;
    for (const json& bad : {json(0), json(INT64_MAX)})
      EXPECT_NE(refusal(llama(), [&](json& value) { value[key] = bad; }), "accepted") << key << bad;
  }
  EXPECT_THAT(refusal(llama(), [](json& v) { v["num_attention_heads"] = 5; }), HasSubstr("no multiple of 5 heads"));
  EXPECT_THAT(refusal(llama(), [](json& v) { v["num_key_value_heads"] = 3; }), HasSubstr("n_kv_heads 3"));
  EXPECT_THAT(refusal(llama(), [](json& v) { v["num_key_value_heads"] = 0; }), HasSubstr("n_kv_heads is 0"));
  EXPECT_THAT(refusal(llama(), [](json& v) { v["head_dim"] = 7; }), HasSubstr("head_dim 7 is odd"));
  EXPECT_THAT(refusal(llama(), [](json& v) { v["rms_norm_eps"] = -1e-5; }), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(refusal(llama(), [](json& v) { v["rope_theta"] = 0; }), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal(llama(), [](json& v) { v["tie_word_embeddings"] = "yes"; }), HasSubstr("neither true nor false"));
}

TEST(HfConfig, RefusesTextThatIsNoSuchJson) {
  EXPECT_THAT(refusal(""), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{\"a\": NaN}"), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal("{\"a\": 1e999}"), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal("{\"a\xff\": 1}"), HasSubstr("is no JSON"));
  EXPECT_THAT(refusal(R"({"vocab_size": 1, "vocab_size": 2})"), HasSubstr("has the key \"vocab_size\" twice"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(300000, '[')), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}"), HasSubstr("nested too deeply"));
}

TEST(HfConfig, WhatItWritesItReads) {
  for (const auto& [kind, config] : every_kind(Format::HuggingFace)) {
    const std::string text = hf_config_text(config, small_tokenizer(), "a/b", "bfloat16");
    EXPECT_EQ(parse_hf_config(text, "f").config, config) << kind << text;
    EXPECT_EQ(parse_json(text)["eos_token_id"], 2);
  }
}

TEST(HfConfig, SaysWhatAFolderHasNoWordsFor) {
  for (const auto& [kind, config] : every_kind(Format::Gguf)) {
    if (kind != "factors" && kind != "window_and_biases") continue;
    EXPECT_THROW((void)hf_config_text(config, small_tokenizer(), "", "float32"), Error) << kind;
  }
}

}  // namespace
}  // namespace faqsmith
