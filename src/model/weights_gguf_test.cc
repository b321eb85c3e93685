// GGUF beyond the plain model: biases, RoPE scaling, sliding window, files in parts.
#include "model/weights_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "base/error.h"
#include "formats/byte_builder.h"
#include "model/model_files_test.h"
#include "model/weights_gguf_rope.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

class GgufModels : public testing::Test {
 protected:
  GgufModels() : folder_(test_folder("gguf")), path_(folder_ / "m.gguf") {}
  ~GgufModels() override { fs::remove_all(folder_); }
  [[nodiscard]] static std::string refusal(const fs::path& path) { return refusal_of(path); }
  fs::path folder_, path_;
};

TEST_F(GgufModels, EveryKindSurvivesTheRoundTrip) {
  for (const auto& [kind, config] : every_kind(Format::Gguf)) {
    SCOPED_TRACE(kind);
    const Weights weights = random_weights(config, 5);
    save_gguf(path_, weights, small_tokenizer(), kind, GgufFloat::F32);
    expect_equal(weights, load_model(path_).weights, 0);
    EXPECT_EQ(read_model_info(path_).config, config);
  }
}

// Writes a model tensor by tensor with keys and tensors of one's choice, all of it or a part.
struct Draft {
  LlamaConfig config = small_config();
  std::function<void(GgufWriter&)> keys = [](GgufWriter&) {};
  std::function<bool(const std::string&)> keep = [](const std::string&) { return true; };
  std::map<std::string, std::vector<float>> more = {};  // tensors of one dimension
  bool with_metadata = true;

  void write(const fs::path& path) const {
    const Weights weights = random_weights(config, 5);
    GgufWriter out;
    if (with_metadata) add_metadata(out);
    keys(out);
    std::vector<std::pair<std::string, std::vector<float>>> data;
    for (const ConstGgufSlot& slot : gguf_slots(weights)) {
      if (!keep(slot.name)) continue;
      const Shape& shape = slot.shape();
      const Buffer<float>& values = slot.matrix ? slot.matrix->values() : *slot.vector;
      out.add_tensor(slot.name, shape.rank == 2 ? std::vector{shape[1], shape[0]} : std::vector{shape[0]},
                     GgmlType::F32);
      data.emplace_back(slot.name, std::vector<float>(values.data(), values.data() + values.size()));
    }
    for (const auto& [name, values] : more) {
      out.add_tensor(name, {static_cast<std::int64_t>(values.size())}, GgmlType::F32);
      data.emplace_back(name, values);
    }
    out.begin(path);
    for (const auto& [name, values] : data) out.write_tensor(values);
    out.finish();
  }
  void add_metadata(GgufWriter& out) const {
    out.add_string("general.architecture", "llama");
    out.add_uint32("llama.block_count", 2);
    out.add_uint32("llama.context_length", 64);
    out.add_uint32("llama.embedding_length", 32);
    out.add_uint32("llama.feed_forward_length", 64);
    out.add_uint32("llama.attention.head_count", 4);
    out.add_uint32("llama.attention.head_count_kv", 2);
    out.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    out.add_float32("llama.rope.freq_base", 100000.0f);
    out.add_string("tokenizer.ggml.model", "gpt2");
    out.add_string("tokenizer.ggml.pre", "smollm");
    out.add_strings("tokenizer.ggml.tokens", plain_tokens(19));
  }
};

TEST_F(GgufModels, QueryAndKeyBiasesArePermutedLikeTheirRows) {
  LlamaConfig config = small_config();
  config.attention_bias = true;
  const Weights weights = random_weights(config, 5);
  save_gguf(path_, weights, small_tokenizer(), "x", GgufFloat::F16);
  const GgufFile file(path_);
  const auto stored = [&](const char* name) {
    const GgufTensor& tensor = *file.find_tensor(name);
    EXPECT_EQ(tensor.type, static_cast<std::uint32_t>(GgmlType::F32));
    std::vector<float> out(static_cast<std::size_t>(tensor.n_elements));
    dequantize(GgmlType::F32, file.data(tensor), out.data(), tensor.n_elements);
    return out;
  };
  const LayerWeights& layer = weights.layers[1];
  const auto q = stored("blk.1.attn_q.bias"), k = stored("blk.1.attn_k.bias"), v = stored("blk.1.attn_v.bias");
  for (std::int64_t i = 0; i < 32; ++i)
    EXPECT_EQ(q[static_cast<std::size_t>(gguf_row(i, 8))], layer.bias_of(Linear::Q)[i]);
  for (std::int64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(k[static_cast<std::size_t>(gguf_row(i, 8))], layer.bias_of(Linear::K)[i]);
    EXPECT_EQ(v[static_cast<std::size_t>(i)], layer.bias_of(Linear::V)[i]);
  }
}

TEST_F(GgufModels, AnAbsentBiasIsZero) {
  Draft draft;
  draft.config.attention_bias = true;
  draft.keep = [](const std::string& name) { return !name.ends_with(".bias") || name == "blk.1.attn_v.bias"; };
  draft.write(path_);
  const Weights weights = load_model(path_).weights;
  EXPECT_TRUE(weights.config.attention_bias);
  EXPECT_FALSE(weights.config.mlp_bias);
  const auto is_zero = [](const Buffer<float>& bias) {
    return !bias.empty() && std::all_of(bias.data(), bias.data() + bias.size(), [](float x) { return x == 0; });
  };
  for (const Linear linear : {Linear::Q, Linear::K, Linear::V, Linear::O}) {
    EXPECT_TRUE(is_zero(weights.layers[0].bias_of(linear)));
    EXPECT_EQ(is_zero(weights.layers[1].bias_of(linear)), linear != Linear::V);
  }
  EXPECT_TRUE(weights.layers[0].bias_of(Linear::Up).empty());
}

TEST_F(GgufModels, RefusesBiasesThatDoNotFit) {
  Draft draft;
  draft.more = {{"blk.0.attn_k.bias", std::vector<float>(15)}};
  draft.write(path_);
  EXPECT_THAT(refusal(path_), HasSubstr("\"blk.0.attn_k.bias\" is [15], but the metadata say [16]"));
  draft.more = {{"blk.2.attn_k.bias", std::vector<float>(16)}};
  draft.write(path_);
  EXPECT_THAT(refusal(path_), HasSubstr("\"blk.2.attn_k.bias\" is not part"));
  draft.more = {{"blk.0.attn_norm.bias", std::vector<float>(32)}};
  draft.write(path_);
  EXPECT_THAT(refusal(path_), HasSubstr("\"blk.0.attn_norm.bias\" is not part"));
  draft.more = {{"blk.0.attn_q.bias", std::vector<float>(32, NAN)}};
  draft.write(path_);
  EXPECT_THAT(refusal(path_), HasSubstr("\"blk.0.attn_q.bias\" is not a finite number at index 0"));
}

RopeScaling scaling_of(const fs::path& path) {
  return read_model_info(path).config.rope_scaling;
}

TEST_F(GgufModels, ReadsTheKeysOfScaledRotaryEmbedding) {
  using enum RopeScaling::Kind;
  Draft draft;
  draft.keys = [](GgufWriter& out) { out.add_float32("llama.rope.scale_linear", 2.0f); };  // of 2023
  draft.write(path_);
  EXPECT_EQ(scaling_of(path_).kind, Linear);
  EXPECT_EQ(scaling_of(path_).factor, 2.0f);
  draft.keys = [](GgufWriter& out) {
    out.add_string("llama.rope.scaling.type", "none");
    out.add_float32("llama.rope.scaling.factor", 2.0f);
  };
  draft.write(path_);
  EXPECT_EQ(scaling_of(path_), RopeScaling{});
  draft.keys = [](GgufWriter& out) {
    out.add_string("llama.rope.scaling.type", "yarn");
    out.add_float32("llama.rope.scaling.factor", 4.0f);
    out.add_uint32("llama.rope.scaling.original_context_length", 16);
    out.add_float32("llama.rope.scaling.yarn_beta_fast", 24.0f);
    out.add_float32("llama.rope.scaling.attn_factor", 0.5f);
    out.add_uint32("llama.attention.sliding_window", 48);
  };
  draft.write(path_);
  const RopeScaling yarn = scaling_of(path_);
  EXPECT_EQ(yarn.kind, Yarn);
  EXPECT_EQ(yarn.factor, 4.0f);
  EXPECT_EQ(yarn.original_positions, 16);
  EXPECT_EQ(yarn.beta_fast, 24.0f);
  EXPECT_EQ(yarn.beta_slow, 1.0f);
  EXPECT_FLOAT_EQ(yarn.attention_factor, 0.5f * (0.1f * std::log(4.0f) + 1));
  EXPECT_EQ(read_model_info(path_).config.sliding_window, 48);
}

// Values of rope_freqs.weight in a published Llama 3.2 file begin with ones and end with the factor.
TEST_F(GgufModels, PublishedFactorsAreLlama3AgainAndOthersStayFactors) {
  using enum RopeScaling::Kind;
  LlamaConfig config = small_config();
  config.rope_scaling = {.kind = Llama3, .factor = 32, .original_positions = 8192};
  Draft draft;
  draft.more = {{kRopeFactorsName, gguf_rope_factors(config)}};
  EXPECT_THAT(draft.more.at(kRopeFactorsName), testing::ElementsAre(1, 1, 1, 32));
  draft.write(path_);
  EXPECT_EQ(scaling_of(path_), config.rope_scaling);
  draft.more.at(kRopeFactorsName)[3] = 31.999f;  // float32 arithmetic of another program
  draft.write(path_);
  EXPECT_EQ(scaling_of(path_), config.rope_scaling);
  draft.more.at(kRopeFactorsName)[3] = 31.0f;
  draft.write(path_);
  EXPECT_EQ(scaling_of(path_).kind, Factors);
  EXPECT_THAT(scaling_of(path_).factors, testing::ElementsAre(1, 1, 1, 31));
}

TEST_F(GgufModels, RefusesRotaryScalingThatItDoesNotCompute) {
  Draft draft;
  const auto refused_with = [&](const std::function<void(GgufWriter&)>& keys) {
    draft.keys = keys;
    draft.write(path_);
    return refusal(path_);
  };
  const auto yarn = [](const char* key, float value) {
    return [=](GgufWriter& out) {
      out.add_string("llama.rope.scaling.type", "yarn");
      out.add_float32(key, value);
    };
  };
  EXPECT_THAT(refused_with(yarn("llama.rope.scaling.yarn_ext_factor", 0.5f)), HasSubstr("yarn_ext_factor\" = 0.5"));
  EXPECT_THAT(refused_with(yarn("llama.rope.scaling.yarn_attn_factor", 2.0f)), HasSubstr("yarn_attn_factor\" = 2"));
  EXPECT_THAT(refused_with(yarn("llama.rope.scaling.factor", -2.0f)), HasSubstr("the RoPE scaling factor is -2"));
  EXPECT_THAT(refused_with(yarn("llama.rope.scaling.factor", NAN)), HasSubstr("the RoPE scaling factor is nan"));
  EXPECT_THAT(refused_with(yarn("llama.rope.scaling.attn_factor", INFINITY)), HasSubstr("attention factor is inf"));
  EXPECT_THAT(refused_with(yarn("llama.rope.scaling.yarn_beta_slow", 64.0f)), HasSubstr("YaRN's betas are 32 and 64"));
  EXPECT_THAT(refused_with([](GgufWriter& out) {
                out.add_string("llama.rope.scaling.type", "linear");
                out.add_float32("llama.rope.scaling.factor", NAN);
              }),
              HasSubstr("the RoPE scaling factor is nan"));
  EXPECT_THAT(refused_with([](GgufWriter& out) { out.add_uint32("llama.attention.sliding_window", 0x80000000u); }),
              HasSubstr("sliding_window is 2147483648"));
  draft.more = {{kRopeFactorsName, {1, 1, 1}}};
  EXPECT_THAT(refused_with([](GgufWriter&) {}), HasSubstr("\"rope_freqs.weight\" is [3] of F32, expected [4]"));
  draft.more = {{kRopeFactorsName, {1, 1, 0, 1}}};
  EXPECT_THAT(refused_with([](GgufWriter&) {}), HasSubstr("no positive number at index 2"));
  draft.more = {{kRopeFactorsName, {1, 1, 2, 3}}};
  EXPECT_THAT(refused_with([](GgufWriter& out) { out.add_float32("llama.rope.scaling.factor", 2); }),
              HasSubstr("together with linear scaling"));
}

TEST_F(GgufModels, ExactYarnCannotBeWritten) {
  LlamaConfig config = small_config();
  config.rope_scaling = {.kind = RopeScaling::Kind::Yarn, .factor = 2, .original_positions = 32, .truncate = false};
  try {
    save_gguf(path_, random_weights(config, 1), small_tokenizer(), "x", GgufFloat::F32);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::User);
    EXPECT_THAT(e.what(), HasSubstr("\"truncate\": false"));
  }
  EXPECT_FALSE(fs::exists(path_));
}

// A model in three parts as gguf-split writes it; each part's numbers can be spoilt.
class GgufInParts : public GgufModels {
 protected:
  struct Numbers {
    std::uint32_t no = 0, count = 3, tensors = 20;
  };
  [[nodiscard]] fs::path part(int number, int count = 3) const {
    return folder_ / fmt::format("m-{:05}-of-{:05}.gguf", number, count);
  }
  void write_part(int number, const Numbers& numbers, const std::function<bool(const std::string&)>& keep) const {
    Draft draft;
    draft.with_metadata = number == 1;
    draft.keys = [numbers](GgufWriter& out) {
      out.add_uint32("split.no", numbers.no);
      out.add_uint32("split.count", numbers.count);
      out.add_uint32("split.tensors.count", numbers.tensors);
    };
    draft.keep = keep;
    draft.write(part(number));
  }
  void write_parts() const {
    write_part(1, {.no = 0}, [](const std::string& name) { return name.starts_with("token_embd"); });
    write_part(2, {.no = 1}, in_part_2);
    write_part(3, {.no = 2}, in_part_3);
  }
  static bool in_part_2(const std::string& name) { return name.starts_with("blk.0."); }
  static bool in_part_3(const std::string& name) { return name.starts_with("blk.1.") || name.starts_with("output"); }
};

TEST_F(GgufInParts, AnyPartNamesTheWholeModel) {
  write_parts();
  Draft{}.write(path_);
  const ModelFile whole = load_model(path_);
  for (int number = 1; number <= 3; ++number) {
    const ModelFile parts = load_model(part(number));
    expect_equal(whole.weights, parts.weights, 0);
    EXPECT_EQ(parts.sha256, load_model(part(1)).sha256);
    EXPECT_EQ(model_sha256(part(number)), parts.sha256);
    EXPECT_EQ(parts.sha256.size(), 64u);
    EXPECT_EQ(read_model_info(part(number)).file_bytes,
              fs::file_size(part(1)) + fs::file_size(part(2)) + fs::file_size(part(3)));
  }
  EXPECT_NE(load_model(part(1)).sha256, whole.sha256);
}

TEST_F(GgufInParts, TheFirstPartMayHoldNoTensor) {
  write_part(1, {.no = 0}, [](const std::string&) { return false; });
  write_part(2, {.no = 1}, [](const std::string& name) { return in_part_2(name) || name.starts_with("token_embd"); });
  write_part(3, {.no = 2}, in_part_3);
  EXPECT_EQ(refusal(part(1)), "accepted");
}

TEST_F(GgufInParts, AWholeFileMayHaveTheNameOfAPart) {
  Draft{}.write(part(1));
  EXPECT_EQ(refusal(part(1)), "accepted");
}

TEST_F(GgufInParts, RefusesMissingPartsByName) {
  for (const int missing : {1, 2, 3}) {
    write_parts();
    fs::remove(part(missing));
    const int named = missing == 1 ? 2 : 1;
    EXPECT_THAT(refusal(part(named)), HasSubstr(fmt::format("m-{:05}-of-00003.gguf: this part of", missing)));
  }
}

TEST_F(GgufInParts, RefusesPartsThatDoNotBelongTogether) {
  const auto spoilt = [&](const Numbers& second) {
    write_parts();
    write_part(2, second, in_part_2);
    return refusal(part(1));
  };
  EXPECT_THAT(spoilt({.no = 2}), HasSubstr("m-00002-of-00003.gguf: it says that it is part 3, its name says 2"));
  EXPECT_THAT(spoilt({.no = 1, .count = 4}), HasSubstr("it says that it is one of 4 parts, its name says 3"));
  write_parts();
  write_part(2, {.no = 1}, [](const std::string& name) { return in_part_2(name) || name == "output_norm.weight"; });
  EXPECT_THAT(refusal(part(1)),
              HasSubstr("m-00003-of-00003.gguf: tensor \"output_norm.weight\" is in another part too"));
  write_parts();
  write_part(2, {.no = 1}, [](const std::string& name) { return in_part_2(name) && name != "blk.0.ffn_up.weight"; });
  EXPECT_THAT(refusal(part(1)), HasSubstr("\"split.tensors.count\" is 20, but there are 19 tensors"));
  write_parts();
  write_file_atomic(part(2), "GGUF");
  EXPECT_THAT(refusal(part(1)), HasSubstr("m-00002-of-00003.gguf"));
  write_parts();
  Draft{}.write(part(3));  // a whole model under the name of a part
  EXPECT_THAT(refusal(part(1)), HasSubstr("m-00003-of-00003.gguf: metadata \"split.count\" is missing"));
}

TEST_F(GgufInParts, RefusesNamesThatDoNotSayWhichPartItIs) {
  write_parts();
  fs::rename(part(1), path_);
  EXPECT_THAT(refusal(path_), HasSubstr("its name does not end in -00001-of-00003.gguf"));
  for (const char* name : {"m-0001-of-00003.gguf", "m-00001-of-00003.GGUF", "m-0000x-of-00003.gguf",
                           "m-00000-of-00003.gguf", "m-00001of-00003.gguf.gguf"}) {
    fs::copy_file(path_, folder_ / name);
    EXPECT_THAT(refusal(folder_ / name), HasSubstr("its name does not end in")) << name;
  }
  fs::copy_file(path_, folder_ / "m-00001-of-00004.gguf");
  EXPECT_THAT(refusal(folder_ / "m-00001-of-00004.gguf"), HasSubstr("one of 3 parts, its name says 4"));
  write_part(1, {.no = 0, .count = 60000}, [](const std::string&) { return false; });
  EXPECT_THAT(refusal(part(1)), HasSubstr("60000 parts are more than the 500"));
}

}  // namespace
}  // namespace faqsmith
