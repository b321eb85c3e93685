// Model files: round trips, the order of Q and K rows, and every way in which a file may not fit its own words.
#include "model/weights.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/rng.h"
#include "formats/gguf.h"
#include "model/model_files_test.h"
#include "model/weights_gguf.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

class ModelFiles : public testing::Test {
 protected:
  ModelFiles() : folder_(test_folder("model")) {}
  ~ModelFiles() override { fs::remove_all(folder_); }
  [[nodiscard]] std::string refusal(const fs::path& path) const {
    std::string said = refusal_of(path);
    if (said != "accepted") {
      EXPECT_THAT(said, HasSubstr(path.string()));
    }
    return said;
  }
  fs::path folder_;
};

TEST_F(ModelFiles, F32IsExactAndF16WithinItsRounding) {
  for (const bool tied : {true, false}) {
    const Weights weights = random_weights(small_config(tied), 42);
    save_gguf(folder_ / "f32.gguf", weights, small_tokenizer(), "Small", GgufFloat::F32);
    save_gguf(folder_ / "f16.gguf", weights, small_tokenizer(), "Small", GgufFloat::F16);
    expect_equal(weights, load_model(folder_ / "f32.gguf").weights, 0);
    expect_equal(weights, load_model(folder_ / "f16.gguf").weights, 0x1p-11f);
  }
}

TEST_F(ModelFiles, TokenizerNameAndShapeSurviveTheRoundTrip) {
  const TokenizerSpec spec = small_tokenizer();
  save_gguf(folder_ / "m.gguf", random_weights(small_config(), 1), spec, "A name", GgufFloat::F16);
  const ModelInfo info = read_model_info(folder_ / "m.gguf");
  EXPECT_EQ(info.config, small_config());
  EXPECT_EQ(info.name, "A name");
  EXPECT_EQ(info.file_type, "F16");
  EXPECT_EQ(info.file_bytes, fs::file_size(folder_ / "m.gguf"));
  expect_same_tokenizer(info.tokenizer, spec);
}

TEST_F(ModelFiles, HashIsThatOfTheFileAndOnlyWhenAsked) {
  save_gguf(folder_ / "m.gguf", random_weights(small_config(), 1), small_tokenizer(), "x", GgufFloat::F32);
  EXPECT_EQ(load_model(folder_ / "m.gguf").sha256.size(), 64u);
  EXPECT_EQ(load_model(folder_ / "m.gguf", HashFile::No).sha256, "");
}

TEST(RowOrder, InterleavesTheTwoHalvesOfEachHeadAndBack) {
  // One head of 8: Hugging Face rotates (0,4) (1,5) (2,6) (3,7), llama.cpp (0,1) (2,3) (4,5) (6,7).
  const std::int64_t expected[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  for (std::int64_t row = 0; row < 8; ++row) {
    EXPECT_EQ(gguf_row(row, 8), expected[row]);
    EXPECT_EQ(gguf_row(row + 16, 8), expected[row] + 16);
  }
  for (std::int64_t row = 0; row < 640; ++row) {
    EXPECT_EQ(hf_row(gguf_row(row, 64), 64), row);
    EXPECT_EQ(gguf_row(hf_row(row, 64), 64), row);
  }
}

TEST_F(ModelFiles, OnlyQueryAndKeyRowsArePermutedInTheFile) {
  const Weights weights = random_weights(small_config(), 3);
  save_gguf(folder_ / "m.gguf", weights, small_tokenizer(), "x", GgufFloat::F32);
  const GgufFile file(folder_ / "m.gguf");
  const auto check = [&](const char* name, Linear linear, bool permuted) {
    const WeightMatrix& w = weights.layers[1].at(linear);
    Buffer<float> stored(w.shape());
    dequantize(GgmlType::F32, file.data(*file.find_tensor(name)), stored.data(), stored.size());
    for (std::int64_t row = 0; row < w.shape()[0]; ++row) {
      const std::int64_t at = permuted ? gguf_row(row, 8) : row;
      for (std::int64_t c = 0; c < w.shape()[1]; ++c)
        ASSERT_EQ(stored[at * w.shape()[1] + c], w[row * w.shape()[1] + c]) << name;
    }
  };
  check("blk.1.attn_q.weight", Linear::Q, true);
  check("blk.1.attn_k.weight", Linear::K, true);
  check("blk.1.attn_v.weight", Linear::V, false);
  check("blk.1.attn_output.weight", Linear::O, false);
  check("blk.1.ffn_down.weight", Linear::Down, false);
}

TEST(Weights, RandomOnesAreTheSameForTheSameSeedAndNormsAreOne) {
  const Weights a = random_weights(small_config(), 9), b = random_weights(small_config(), 9),
                c = random_weights(small_config(), 10);
  expect_equal(a, b, 0);
  EXPECT_NE(a.embedding[0], c.embedding[0]);
  EXPECT_EQ(a.layers[0].attention_norm[0], 1.0f);
}

TEST(Weights, ParametersAreCountedOnce) {
  for (const bool tied : {true, false}) {
    const Weights weights = random_weights(small_config(tied), 9);
    std::int64_t n = 0;
    for_each_tensor(weights, [&](const std::string&, const Buffer<float>& tensor) { n += tensor.size(); });
    EXPECT_EQ(n, weights.config.n_parameters());
  }
}

TEST(Config, NamesTheFieldThatCannotBe) {
  const std::pair<std::function<void(LlamaConfig&)>, const char*> cases[] = {
      {[](LlamaConfig& c) { c.hidden_size = 0; }, "hidden_size"},
      {[](LlamaConfig& c) { c.n_kv_heads = 3; }, "n_kv_heads"},
      {[](LlamaConfig& c) { c.head_dim = 7; }, "head_dim"},
      {[](LlamaConfig& c) { c.vocab_size = std::int64_t{1} << 40; }, "vocab_size"},
      {[](LlamaConfig& c) { c.rms_norm_eps = NAN; }, "rms_norm_eps"},
      {[](LlamaConfig& c) { c.rope_theta = 0; }, "rope_theta"},
  };
  for (const auto& [change, field] : cases) {
    LlamaConfig config = small_config();
    change(config);
    try {
      validate(config, "m.gguf");
      FAIL() << field;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(field));
    }
  }
}

TEST_F(ModelFiles, RefusesNumbersThatAreNotFiniteByTensorAndIndex) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const GgufFloat type : {GgufFloat::F32, GgufFloat::F16}) {
      Weights weights = random_weights(small_config(), 3);
      weights.layers[1].at(Linear::Gate)[70] = bad;
      save_gguf(folder_ / "m.gguf", weights, small_tokenizer(), "x", type);
      EXPECT_THAT(refusal(folder_ / "m.gguf"),
                  HasSubstr("\"blk.1.ffn_gate.weight\" is not a finite number at index 70"));
    }
  }
}

// Writes a model file whose parts can each be changed: what save_gguf never does.
struct Parts {
  std::string architecture = "llama";
  std::uint32_t n_layers = 2, n_tokens = 19, eos = 2, heads = 4;
  std::size_t n_types = 19;
  std::function<void(GgufWriter&)> extra_keys = [](GgufWriter&) {};
  std::function<void(std::vector<GgufShape>&)> change_tensors = [](std::vector<GgufShape>&) {};

  void write(const fs::path& path) const {
    GgufWriter out;
    out.add_string("general.architecture", architecture);
    out.add_uint32("llama.block_count", n_layers);
    out.add_uint32("llama.context_length", 64);
    out.add_uint32("llama.embedding_length", 32);
    out.add_uint32("llama.feed_forward_length", 64);
    out.add_uint32("llama.attention.head_count", heads);
    out.add_uint32("llama.attention.head_count_kv", 2);
    out.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    out.add_string("tokenizer.ggml.model", "gpt2");
    out.add_string("tokenizer.ggml.pre", "smollm");
    out.add_strings("tokenizer.ggml.tokens", plain_tokens(n_tokens));
    out.add_int32s("tokenizer.ggml.token_type", std::vector<std::int32_t>(n_types, 1));
    out.add_uint32("tokenizer.ggml.eos_token_id", eos);
    extra_keys(out);
    std::vector<GgufShape> tensors = gguf_shapes(small_config());
    change_tensors(tensors);
    for (const GgufShape& t : tensors) {
      out.add_tensor(t.name, t.shape.rank == 2 ? std::vector{t.shape[1], t.shape[0]} : std::vector{t.shape[0]},
                     GgmlType::F32);
    }
    out.begin(path);
    for (const GgufShape& t : tensors)
      out.write_tensor(std::vector<float>(static_cast<std::size_t>(t.shape.size()), 0.5f));
    out.finish();
  }
};

TEST_F(ModelFiles, RefusesWhatItDoesNotImplementByName) {
  const fs::path path = folder_ / "m.gguf";
  Parts{}.write(path);
  EXPECT_EQ(refusal(path), "accepted");
  Parts parts;
  parts.architecture = "qwen2";
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("\"qwen2\" is not supported yet"));
  parts = {};
  parts.extra_keys = [](GgufWriter& out) { out.add_string("llama.rope.scaling.type", "longrope"); };
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("scaled rotary embedding of the kind \"longrope\""));
  parts.extra_keys = [](GgufWriter& out) { out.add_uint32("llama.rope.dimension_count", 4); };
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("a part of each head"));
  parts.extra_keys = [](GgufWriter& out) { out.add_uint32("llama.expert_count", 8); };
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("mixture-of-experts"));
  parts = {};
  parts.change_tensors = [](auto& tensors) { tensors.push_back({"blk.0.attn_q.scale", {32}}); };
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("\"blk.0.attn_q.scale\" is not part"));
}

TEST_F(ModelFiles, RefusesTensorsThatDoNotFitTheMetadata) {
  const fs::path path = folder_ / "m.gguf";
  Parts parts;
  parts.n_layers = 0xffffffff;
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("n_layers"));
  parts.n_layers = 3;
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("3 layers need more"));
  parts = {};
  parts.heads = 0;
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("head_count"));
  parts = {};
  parts.change_tensors = [](auto& tensors) { tensors[3].shape = {63, 32}; };
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("but the metadata say"));
  parts.change_tensors = [](auto& tensors) { tensors[3].name = "blk.0.other.weight"; };
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("\"blk.0.ffn_gate.weight\" is missing"));
}

TEST_F(ModelFiles, RefusesVocabulariesThatDoNotFitTheModel) {
  const fs::path path = folder_ / "m.gguf";
  Parts parts;
  parts.n_tokens = 20;
  parts.n_types = 20;
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("20 tokens, but the embedding has 19 rows"));
  parts = {};
  parts.n_types = 18;
  parts.write(path);
  EXPECT_THAT(refusal(path), HasSubstr("18 token types"));
  for (const std::uint32_t id : {19u, 0x80000000u, 0xffffffffu}) {
    parts = {};
    parts.eos = id;
    parts.write(path);
    EXPECT_THAT(refusal(path), HasSubstr("eos_token_id"));
  }
}

TEST_F(ModelFiles, NamesTheTensorTypeThatIsNotSupportedYet) {
  // A valid file whose type numbers say IQ4_NL: 18 bytes for 32 elements, cut out of the F32 bytes that are there.
  Parts{}.write(folder_ / "m.gguf");
  std::string bytes = read_file(folder_ / "m.gguf");
  const std::string name = "blk.0.ffn_up.weight";
  const std::size_t at = bytes.find(name) + name.size() + 4 + 16;
  bytes[at] = 20;
  write_file_atomic(folder_ / "q.gguf", bytes);
  EXPECT_THAT(refusal(folder_ / "q.gguf"), HasSubstr("not supported yet: IQ4_NL (tensor \"blk.0.ffn_up.weight\")"));
}

// Hazard 5 for whole models: whatever the bytes, the answer is a finite model or an Error(Input).
TEST_F(ModelFiles, SurviveThousandsOfMutations) {
  Parts{}.write(folder_ / "m.gguf");
  const std::string valid = read_file(folder_ / "m.gguf");
  const std::size_t header_bytes = valid.size() / 8;  // most edits hit what says how to read, not the values
  Rng rng(31);
  int accepted = 0;
  const int file = memfd_create("mutated", 0);
  ASSERT_GE(file, 0);
  const std::string path = fmt::format("/proc/self/fd/{}", file);
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = valid;
    for (std::uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
      const std::size_t range = rng.below(4) == 0 ? bytes.size() : header_bytes;
      bytes[rng.below(range)] = static_cast<char>(rng.below(256));
    }
    if (rng.below(8) == 0) bytes.resize(1 + rng.below(bytes.size()));
    ASSERT_EQ(ftruncate(file, 0), 0);
    ASSERT_EQ(pwrite(file, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    try {
      (void)load_model(path, HashFile::No);
      ++accepted;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::Input) << e.what();
    }
  }
  close(file);
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace faqsmith
