// Hugging Face folders: round trips of every kind of Llama model, and every way in which a folder may not hold
// together.
#include "model/weights_hf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/rng.h"
#include "model/config_hf.h"
#include "model/hf_shards.h"
#include "model/model_files_test.h"
#include "model/tokenizer_files_save.h"

namespace faqsmith {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class HfFolders : public testing::Test {
 protected:
  HfFolders() : folder_(test_folder("hf")) {}
  ~HfFolders() override { fs::remove_all(folder_); }

  // A good model in three shards, to be spoilt.
  void write_model(const LlamaConfig& config = small_config(false), std::uint64_t max_shard_bytes = 30000) const {
    save_hf_folder(folder_, random_weights(config, 3), small_tokenizer(),
                   {.max_shard_bytes = max_shard_bytes, .name = "team/Small"});
    ASSERT_TRUE(save_hf_tokenizer(folder_, small_tokenizer()));
  }
  void change_json(const char* file, const std::function<void(json&)>& change) const {
    json value = parse_json(read_file(folder_ / file));
    change(value);
    write_file_atomic(folder_ / file, json_text(value));
  }
  void change_config(const std::function<void(json&)>& change) const { change_json(kHfConfigFile, change); }
  void change_index(const std::function<void(json&)>& change) const { change_json(kHfIndexFile, change); }
  [[nodiscard]] fs::path shard(int number) const {
    return folder_ / fmt::format("model-{:05}-of-00003.safetensors", number);
  }
  // Rewrites one shard with its tensors changed: what save_hf_folder never does.
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  void change_shard(int number, const std::function<void(std::vector<Tensor>&)>& change,
                    SafeFloat type = SafeFloat::F32) const {
    std::vector<Tensor> tensors;
    {
      const SafetensorsFile file(shard(number));
      for (const SafeTensor& tensor : file.header().tensors) {
        tensors.push_back({tensor.name, tensor.shape, std::vector<float>(static_cast<std::size_t>(tensor.n_elements))});
        file.read_floats(tensor, tensors.back().values.data());
      }
    }
    change(tensors);
    std::vector<SafeTensorToWrite> out;
    for (const Tensor& tensor : tensors) out.push_back({tensor.name, tensor.shape, tensor.values});
    write_safetensors(shard(number), out, type, {});
  }
  [[nodiscard]] std::string refusal() const {
    std::string said = refusal_of(folder_);
    if (said != "accepted") {
      EXPECT_THAT(said, HasSubstr(folder_.string()));
    }
    return said;
  }
  [[nodiscard]] std::string refusal_of_config(const std::function<void(json&)>& change) const {
    const std::string good = read_file(folder_ / kHfConfigFile);
    change_config(change);
    std::string said = refusal();
    write_file_atomic(folder_ / kHfConfigFile, good);
    return said;
  }
  [[nodiscard]] std::string refusal_of_index(const std::function<void(json&)>& change) const {
    const std::string good = read_file(folder_ / kHfIndexFile);
    change_index(change);
    std::string said = refusal();
    write_file_atomic(folder_ / kHfIndexFile, good);
    return said;
  }
  fs::path folder_;
};

TEST_F(HfFolders, EveryKindOfModelSurvivesTheRoundTrip) {
  for (const auto& [kind, config] : every_kind(Format::HuggingFace)) {
    SCOPED_TRACE(kind);
    const Weights weights = random_weights(config, 42);
    save_hf_folder(folder_, weights, small_tokenizer(), {.name = "x/" + kind});
    ASSERT_TRUE(save_hf_tokenizer(folder_, small_tokenizer()));
    const ModelFile loaded = load_model(folder_);
    expect_equal(weights, loaded.weights, 0);
    expect_same_tokenizer(small_tokenizer(), loaded.tokenizer);
    EXPECT_EQ(loaded.name, kind);
    EXPECT_EQ(read_model_info(folder_).config, config);
  }
}

TEST_F(HfFolders, HalfTypesKeepValuesWithinTheirRounding) {
  const Weights weights = random_weights(small_config(), 42);
  for (const auto& [type, name, bound] :
       {std::tuple{SafeFloat::F16, "F16", 0x1p-11f}, std::tuple{SafeFloat::BF16, "BF16", 0x1p-8f}}) {
    save_hf_folder(folder_, weights, small_tokenizer(), {.type = type});
    ASSERT_TRUE(save_hf_tokenizer(folder_, small_tokenizer()));
    expect_equal(weights, load_model(folder_).weights, bound);
    EXPECT_EQ(read_model_info(folder_).file_type, name);
  }
}

TEST_F(HfFolders, ShardsHoldWhatTheIndexSaysAndOneFileTheSame) {
  const Weights weights = random_weights(small_config(false), 3);
  write_model();
  EXPECT_TRUE(fs::exists(shard(3)));
  EXPECT_FALSE(fs::exists(folder_ / kHfWeightsFile));
  expect_equal(weights, load_model(folder_).weights, 0);
  const ModelInfo info = read_model_info(folder_);
  EXPECT_EQ(info.name, "Small");
  EXPECT_EQ(info.file_type, "F32");
  EXPECT_EQ(info.file_bytes, fs::file_size(shard(1)) + fs::file_size(shard(2)) + fs::file_size(shard(3)));
  write_model(small_config(false), std::uint64_t{1} << 30);
  EXPECT_FALSE(fs::exists(folder_ / kHfIndexFile));
  expect_equal(weights, load_model(folder_).weights, 0);
}

TEST_F(HfFolders, ShardsMayHaveTypesOfTheirOwn) {
  write_model();
  change_shard(
      2, [](auto&) {}, SafeFloat::BF16);
  expect_equal(random_weights(small_config(false), 3), load_model(folder_).weights, 0x1p-8f);
}

TEST_F(HfFolders, TheHashIsThatOfAllFilesThatMatter) {
  write_model();
  const std::string before = load_model(folder_).sha256;
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(model_sha256(folder_), before);
  EXPECT_EQ(load_model(folder_, HashFile::No).sha256, "");
  write_file_atomic(folder_ / "README.md", "x");
  EXPECT_EQ(model_sha256(folder_), before);
  for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json",
                           "model-00002-of-00003.safetensors"}) {
    const std::string good = read_file(folder_ / file);
    write_file_atomic(folder_ / file,
                      fs::path(file).extension() == ".json" ? good + " " : good.substr(0, good.size() - 1) + '\x3c');
    EXPECT_NE(model_sha256(folder_), before) << file;
    write_file_atomic(folder_ / file, good);
  }
  EXPECT_EQ(model_sha256(folder_), before);
}

TEST_F(HfFolders, TheNameIsTheFoldersIfTheConfigHasNone) {
  write_model();
  const std::pair<const char*, std::string> cases[] = {{"org/Model-1B", "Model-1B"},
                                                       {"/data/m/", "m"},
                                                       {"", folder_.filename()},
                                                       {"/", folder_.filename()},
                                                       {"..", folder_.filename()}};
  for (const auto& [written, expected] : cases) {
    change_config([path = written](json& c) { c["_name_or_path"] = path; });
    EXPECT_EQ(read_model_info(folder_).name, expected) << written;
    EXPECT_EQ(read_model_info(folder_ / "").name, expected) << written;
  }
}

TEST_F(HfFolders, EmbeddingsMayHaveMoreRowsThanThereAreTokens) {
  write_model();
  TokenizerSpec fewer = small_tokenizer();
  fewer.tokens.resize(17);
  fewer.token_types.resize(17);
  ASSERT_TRUE(save_hf_tokenizer(folder_, fewer));
  const TokenizerSpec read = load_model(folder_).tokenizer;
  EXPECT_EQ(read.tokens.size(), 19u);
  EXPECT_EQ(read.tokens[18], "[PAD18]");
  EXPECT_EQ(read.token_types[18], 5);
  TokenizerSpec more = small_tokenizer();
  more.tokens.emplace_back("a");
  more.token_types.push_back(1);
  ASSERT_TRUE(save_hf_tokenizer(folder_, more));
  EXPECT_THAT(refusal(), HasSubstr("20 tokens, but the embedding has 19 rows"));
}

TEST_F(HfFolders, HarmlessExtrasAreAccepted) {
  write_model(small_config());
  change_shard(1, [](auto& tensors) {
    const Tensor embedding = tensors.front();
    tensors.push_back({"lm_head.weight", embedding.shape, embedding.values});
    tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {4}, std::vector<float>(4, 1)});
  });
  change_index([](json& index) {
    index["weight_map"]["lm_head.weight"] = "model-00001-of-00003.safetensors";
    index["weight_map"]["model.layers.0.self_attn.rotary_emb.inv_freq"] = "model-00001-of-00003.safetensors";
  });
  expect_equal(random_weights(small_config(), 3), load_model(folder_).weights, 0);
  change_shard(1, [](auto& tensors) { tensors[tensors.size() - 2].values[5] += 1; });
  EXPECT_THAT(refusal(), HasSubstr("\"lm_head.weight\" differs from the embedding"));
}

TEST_F(HfFolders, AnUnfinishedFolderIsNoModel) {
  write_model();
  fs::remove(folder_ / kHfIndexFile);
  EXPECT_THAT(refusal(), HasSubstr("neither model.safetensors nor model.safetensors.index.json"));
  // A second save over it begins by taking the old index away: what breaks off is refused again.
  write_model();
  fs::create_directories(folder_ / "model-00002-of-00003.safetensors.part");
  EXPECT_THROW(write_model(), Error);
  EXPECT_THAT(refusal(), HasSubstr("neither"));
}

TEST_F(HfFolders, RefusesFoldersWithoutAModel) {
  EXPECT_THAT(refusal(), HasSubstr("there is no config.json"));
  write_model();
  for (int i = 1; i <= 3; ++i) fs::remove(shard(i));
  fs::remove(folder_ / kHfIndexFile);
  write_file_atomic(folder_ / "pytorch_model.bin", "x");
  EXPECT_THAT(refusal(), HasSubstr("pytorch_model.bin, which can hold program code"));
  fs::remove(folder_ / "pytorch_model.bin");
  write_file_atomic(folder_ / kHfWeightsFile, "");
  EXPECT_THAT(refusal(), HasSubstr("is empty"));
}

TEST_F(HfFolders, RefusesMissingShardsByName) {
  write_model();
  fs::rename(shard(2), folder_ / "away");
  EXPECT_THAT(refusal(), HasSubstr("model-00002-of-00003.safetensors: this shard"));
  fs::create_directories(shard(2));
  EXPECT_THAT(refusal(), HasSubstr("is not a regular file"));
  fs::remove(shard(2));
  fs::create_symlink(folder_ / "nowhere", shard(2));
  EXPECT_THAT(refusal(), HasSubstr("model-00002-of-00003.safetensors: this shard"));
  fs::remove(shard(2));
  fs::create_symlink(folder_ / "away", shard(2));  // as the cache of huggingface_hub does
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(HfFolders, RefusesShardNamesThatLeaveTheFolder) {
  write_model();
  const std::string long_name = std::string(300, 'a') + ".safetensors";
  for (const std::string& name :
       {std::string("../model.safetensors"), std::string("/etc/model.safetensors"), std::string("a/b.safetensors"),
        std::string("..\\b.safetensors"), std::string(".hidden.safetensors"), std::string("model.bin"), std::string(""),
        std::string("a\nb.safetensors"), std::string("a\0b.safetensors", 15), long_name}) {
    EXPECT_THAT(refusal_of_index([&](json& index) { index["weight_map"]["model.norm.weight"] = name; }),
                HasSubstr("which is no .safetensors file of the folder"))
        << name;
  }
}

TEST_F(HfFolders, RefusesAnIndexThatIsNone) {
  write_model();
  EXPECT_THAT(refusal_of_index([](json& index) { index = json::array(); }), HasSubstr("\"weight_map\" is missing"));
  EXPECT_THAT(refusal_of_index([](json& index) { index.erase("weight_map"); }), HasSubstr("\"weight_map\" is missing"));
  EXPECT_THAT(refusal_of_index([](json& index) { index["weight_map"] = json::object(); }), HasSubstr("empty"));
  EXPECT_THAT(refusal_of_index([](json& index) { index["weight_map"] = {1, 2}; }), HasSubstr("no object"));
  EXPECT_THAT(refusal_of_index([](json& index) { index["weight_map"]["model.norm.weight"] = 3; }),
              HasSubstr("no text"));
  EXPECT_THAT(refusal_of_index([](json& index) {
                for (int i = 0; i < 501; ++i)
                  index["weight_map"][fmt::format("t{}", i)] = fmt::format("{}.safetensors", i);
              }),
              HasSubstr("more than 500 shards"));
  const std::string good = read_file(folder_ / kHfIndexFile);
  write_file_atomic(folder_ / kHfIndexFile, "{\"weight_map\":" + std::string(100000, '['));
  EXPECT_THAT(refusal(), HasSubstr("nested too deeply"));
  write_file_atomic(folder_ / kHfIndexFile, good.substr(0, good.size() / 2));
  EXPECT_THAT(refusal(), HasSubstr("no JSON"));
  write_file_atomic(folder_ / kHfIndexFile, R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})");
  EXPECT_THAT(refusal(), HasSubstr("has the key \"a\" twice"));
  write_file_atomic(folder_ / kHfIndexFile, std::string((std::size_t{1} << 24) + 1, ' '));
  EXPECT_THAT(refusal(), HasSubstr("more than the 16777216 allowed"));
}

TEST_F(HfFolders, RefusesShardsThatHoldOtherTensorsThanTheIndexSays) {
  write_model();
  EXPECT_THAT(
      refusal_of_index([](json& i) { i["weight_map"]["model.norm.weight"] = "model-00001-of-00003.safetensors"; }),
      HasSubstr("tensor \"model.norm.weight\", which model.safetensors.index.json puts here, is missing"));
  EXPECT_THAT(refusal_of_index([](json& i) { i["weight_map"].erase("model.norm.weight"); }),
              HasSubstr("\"model.norm.weight\" is here, but model.safetensors.index.json does not say so"));
  EXPECT_THAT(refusal_of_index([](json& i) { i["weight_map"]["ghost"] = "model-00003-of-00003.safetensors"; }),
              HasSubstr("\"ghost\", which"));
  std::vector<float> copy(32, 1.0f);
  change_shard(1, [&](auto& tensors) { tensors.push_back({"model.norm.weight", {32}, copy}); });
  EXPECT_THAT(refusal(), HasSubstr("model-00001-of-00003.safetensors: tensor \"model.norm.weight\" is here"));
}

TEST_F(HfFolders, RefusesTensorsThatDoNotFitTheConfig) {
  write_model();
  const auto spoilt = [&](const std::function<void(std::vector<Tensor>&)>& change) {
    write_model();
    change_shard(1, change);
    const SafetensorsFile file(shard(1));
    change_index([&](json& index) {
      for (auto entry = index["weight_map"].begin(); entry != index["weight_map"].end();)
        entry = *entry == "model-00001-of-00003.safetensors" ? index["weight_map"].erase(entry) : std::next(entry);
      for (const SafeTensor& tensor : file.header().tensors)
        index["weight_map"][tensor.name] = "model-00001-of-00003.safetensors";
    });
    return refusal();
  };
  EXPECT_THAT(spoilt([](auto& tensors) { tensors[1].name = "model.layers.0.extra.weight"; }),
              HasSubstr("tensor \"model.layers.0.input_layernorm.weight\" is missing"));
  EXPECT_THAT(spoilt([](auto& tensors) {
                tensors.push_back({"model.layers.0.self_attn.q_proj.bias", {32}, std::vector<float>(32)});
              }),
              HasSubstr("\"model.layers.0.self_attn.q_proj.bias\" is not part of a Llama model"));
  EXPECT_THAT(spoilt([](auto& tensors) {
                tensors[0].shape = {32, 19};
              }),
              HasSubstr("\"model.embed_tokens.weight\" is [32, 19], but config.json says [19, 32]"));
  EXPECT_THAT(spoilt([](auto& tensors) { tensors[0].shape = {19 * 32}; }), HasSubstr("is [608], but"));
  write_model();
  EXPECT_THAT(refusal_of_config([](json& c) { c["num_hidden_layers"] = 3; }), HasSubstr("3 layers need more than"));
  EXPECT_THAT(refusal_of_config([](json& c) { c["num_hidden_layers"] = 2147483647; }),
              HasSubstr("layers need more than"));
  EXPECT_THAT(refusal_of_config([](json& c) { c["attention_bias"] = true; }), HasSubstr("q_proj.bias\" is missing"));
  EXPECT_THAT(refusal_of_config([](json& c) { c["tie_word_embeddings"] = true; }),
              HasSubstr("\"lm_head.weight\" differs"));
}

TEST_F(HfFolders, RefusesTypesThatAreNoFloatsByName) {
  for (const char* type : {"I32", "U32"}) {  // as large as F32: the file itself holds together
    write_model();
    std::string bytes = read_file(shard(3));
    bytes.replace(bytes.find("F32"), 3, type);
    write_file_atomic(shard(3), bytes);
    EXPECT_THAT(refusal(),
                HasSubstr(fmt::format("not supported yet: {} (tensor \"model.layers.1.mlp.gate_proj", type)));
  }
}

TEST_F(HfFolders, RefusesNumbersThatAreNotFiniteByTensorAndIndex) {
  for (const SafeFloat type : {SafeFloat::F32, SafeFloat::F16, SafeFloat::BF16}) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      write_model();
      change_shard(
          2, [&](auto& tensors) { tensors[1].values[7] = bad; }, type);
      const std::string name = SafetensorsFile(shard(2)).header().tensors[1].name;
      EXPECT_THAT(refusal(), HasSubstr(fmt::format("\"{}\" is not a finite number at index 7", name)));
      EXPECT_THAT(refusal(), HasSubstr("model-00002-of-00003.safetensors"));
    }
  }
}

TEST_F(HfFolders, RefusesShardsCutAnywhere) {
  write_model();
  const std::string good = read_file(shard(1));
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{9}, std::size_t{200}, good.size() - 1}) {
    write_file_atomic(shard(1), good.substr(0, size));
    EXPECT_NE(refusal(), "accepted") << size;
  }
  write_file_atomic(shard(1), good + "x");
  EXPECT_THAT(refusal(), HasSubstr("follow the last tensor"));
}

// Whatever the bytes of config.json or index, the answer is a finite model or an Error(Input).
TEST_F(HfFolders, SurviveThousandsOfMutations) {
  write_model();
  Rng rng(33);
  int accepted = 0;
  for (const char* name : {kHfConfigFile, kHfIndexFile}) {
    const std::string valid = read_file(folder_ / name);
    for (int round = 0; round < 2000; ++round) {
      std::string bytes = valid;
      for (std::uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
        constexpr char kLikely[] = "0123456789[]{},:\"-e.truefalsn";
        const std::size_t at = rng.below(bytes.size());
        bytes[at] = rng.below(2) == 0 ? static_cast<char>(rng.below(256)) : kLikely[rng.below(sizeof kLikely - 1)];
      }
      if (rng.below(16) == 0) bytes.resize(rng.below(bytes.size()));
      std::ofstream(folder_ / name, std::ios::binary) << bytes;
      try {
        const ModelFile model = load_model(folder_, HashFile::No);
        EXPECT_TRUE(std::isfinite(model.weights.embedding[0]));
        ++accepted;
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), Kind::Input) << e.what();
      }
    }
    write_file_atomic(folder_ / name, valid);
  }
  EXPECT_GT(accepted, 50);
}

}  // namespace
}  // namespace faqsmith
