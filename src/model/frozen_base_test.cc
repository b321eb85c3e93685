// Adapters over a frozen base: whatever form the base is kept in and wherever its products find it, the bits are the
// same.
#include <gtest/gtest.h>

#include <cstring>

#include "model/lora.h"
#include "model/model_files_test.h"
#include "model/train_graph.h"

namespace faqsmith {
namespace {

LlamaConfig config_of(bool tied) {
  LlamaConfig config = small_config(tied);
  config.hidden_size = 64;
  config.head_dim = 16;
  config.intermediate_size = 96;
  config.vocab_size = 19;
  config.attention_bias = true;
  return config;
}

enum class Form { F16File, Nf4 };

// The same values twice: frozen in that form, and as float32 masters.
struct Both {
  Weights frozen, masters;
};
Both make_both(bool tied, Form form) {
  const fs::path file = test_folder("frozen_base") / "m.gguf";
  Weights random = random_weights(config_of(tied), 7);
  for_each_tensor(random, [](const std::string& name, Buffer<float>& tensor) {
    for (std::int64_t i = 0; i < tensor.size() && name.find("norm") == std::string::npos; ++i) tensor[i] *= 8;
  });
  save_gguf(file, random, small_tokenizer(), "x", GgufFloat::F16);
  const auto load = [&] {
    Weights weights = load_model(file, HashFile::No, Residency::AsStored).weights;
    if (form == Form::Nf4) quantize_linears(weights, Nf4Codes::Kept);
    return weights;
  };
  Both both{load(), load()};
  for_each_matrix(both.masters, [](const std::string&, WeightMatrix& m) { m = WeightMatrix(m.decode()); });
  fs::remove_all(file.parent_path());
  return both;
}

// For who reads the base a few times, the codes need not be in memory.
TEST(FrozenBase, CodesThatAreMadeOnReadingAreThoseThatWereKept) {
  const fs::path file = test_folder("nf4_codes") / "m.gguf";
  save_gguf(file, random_weights(config_of(true), 7), small_tokenizer(), "x", GgufFloat::F16);
  Weights kept = load_model(file, HashFile::No, Residency::AsStored).weights;
  Weights made = load_model(file, HashFile::No, Residency::AsStored).weights;
  quantize_linears(kept, Nf4Codes::Kept);
  quantize_linears(made, Nf4Codes::MadeOnReading);
  for (std::size_t i = 0; i < kept.layers.size(); ++i) {
    for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
      const WeightMatrix &a = kept.layers[i].linear[l], &b = made.layers[i].linear[l];
      EXPECT_FALSE(b.stored_type().has_value());
      const Buffer<float> from_kept = a.decode(), from_file = b.decode();
      EXPECT_EQ(std::memcmp(from_kept.data(), from_file.data(), static_cast<std::size_t>(a.size()) * sizeof(float)), 0)
          << hf_name(static_cast<std::int64_t>(i), static_cast<Linear>(l));
      // The down projection's rows, 96 values, are no whole blocks.
      if (a.shape()[1] % kNf4Block == 0) {
        EXPECT_LT(b.resident_bytes() * 20, a.resident_bytes());
      }
    }
  }
  fs::remove_all(file.parent_path());
}

Pack make_pack(std::uint64_t seed) {
  Rng rng(seed);
  Pack pack;
  for (const int length : {9, 14, 6}) {
    std::vector<TokenId> ids;
    std::vector<bool> trained;
    for (int i = 0; i < length; ++i) {
      ids.push_back(static_cast<TokenId>(rng.below(19)));
      trained.push_back(i >= length / 3);
    }
    append_sequence(pack, ids, trained);
  }
  return pack;
}

LoraWeights make_lora(const Weights& weights, const LoraConfig& config) {
  Rng rng(3);
  LoraWeights lora = init_lora(weights.config, config, rng);
  init_magnitudes(weights, lora);
  for (auto& layer : lora.layers) {
    for (auto& pair : layer) {
      for (std::int64_t i = 0; pair && i < pair->b.size(); ++i) pair->b[i] = static_cast<float>(0.1 * rng.normal());
    }
  }
  return lora;
}

// Everything that a graph says over two packs with a change of the adapter between them.
std::vector<float> run(const Cpu& cpu, const Weights& weights, const LoraConfig& config, FrozenBase base) {
  LoraWeights lora = make_lora(weights, config);
  const GraphLimits limits{.max_tokens = 64, .max_length = 16};
  const auto graph = make_lora_graph(cpu, weights, lora, limits, base);
  EXPECT_NEAR(static_cast<double>(graph->bytes()),
              static_cast<double>(forecast_graph_bytes(cpu, weights.config, &config, limits, base)),
              0.05 * static_cast<double>(graph->bytes()));
  std::vector<float> said;
  for (const std::uint64_t step : {1, 2}) {
    graph->zero_gradients();
    said.push_back(static_cast<float>(graph->loss_and_gradients(make_pack(step), step)));
    said.push_back(static_cast<float>(graph->loss_and_gradients(make_pack(step + 10), step)));
    for (const TrainedTensor& tensor : graph->trained()) {
      for (std::int64_t i = 0; i < tensor.value.shape.size(); ++i) {
        said.push_back(tensor.grad.data[i]);
        tensor.value.data[i] -= 1e-3f * tensor.grad.data[i];
      }
    }
    graph->weights_changed();
    said.push_back(static_cast<float>(graph->loss(make_pack(5))));
    for (const float logit : graph->logits(make_pack(6))) said.push_back(logit);
  }
  return said;
}

std::vector<Cpu> processors() {
  std::vector<Cpu> out = {Cpu{.compute = Compute::F32}};
  if (detect_cpu().compute == Compute::Bf16) out.push_back(Cpu{.compute = Compute::Bf16});
  return out;
}

const LoraConfig kPlain{.rank = 4, .alpha = 8}, kDropout{.rank = 4, .alpha = 8, .dropout = 0.3f},
    kDora{.rank = 4, .alpha = 8, .dora = true},
    kRankStabilised{.rank = 4, .alpha = 8, .rslora = true, .targets = {Linear::Q, Linear::Down}};

TEST(FrozenBase, StreamedAndPackedAndFloat32MastersGiveTheSameBits) {
  for (const Form form : {Form::F16File, Form::Nf4}) {
    for (const bool tied : {true, false}) {
      const Both both = make_both(tied, form);
      for (const Cpu& cpu : processors()) {
        for (const LoraConfig& config : {kPlain, kDropout, kDora, kRankStabilised}) {
          const auto expected = run(cpu, both.masters, config, FrozenBase::Packed);
          EXPECT_EQ(run(cpu, both.frozen, config, FrozenBase::Packed), expected);
          EXPECT_EQ(run(cpu, both.frozen, config, FrozenBase::Streamed), expected);
          EXPECT_EQ(run(cpu, both.masters, config, FrozenBase::Streamed), expected);
        }
      }
    }
  }
}

TEST(FrozenBase, StreamingKeepsOneOperandInMemory) {
  const Weights weights = random_weights(config_of(false), 7);
  const GraphLimits limits{.max_tokens = 16, .max_length = 16};
  LoraWeights lora = make_lora(weights, kPlain);
  const auto packed = make_lora_graph({}, weights, lora, limits, FrozenBase::Packed);
  const auto streamed = make_lora_graph({}, weights, lora, limits, FrozenBase::Streamed);
  std::uint64_t linears = 0, largest = 0;  // float32, in one orientation
  for (const LayerWeights& layer : weights.layers) {
    for (const WeightMatrix& matrix : layer.linear) linears += 4 * static_cast<std::uint64_t>(matrix.size());
    largest = 4 * static_cast<std::uint64_t>(2 * layer.at(Linear::Gate).size());
  }
  EXPECT_GE(packed->bytes(), streamed->bytes() + 2 * linears - 2 * largest);
}

TEST(FrozenBase, OnlyTheLinearsAreQuantised) {
  const Both both = make_both(false, Form::Nf4);
  EXPECT_EQ(both.frozen.embedding.stored_type(), GgmlType::F16);
  EXPECT_EQ(both.frozen.lm_head.stored_type(), GgmlType::F16);
  std::uint64_t expected = 0;
  for (const LayerWeights& layer : both.frozen.layers) {
    for (const WeightMatrix& matrix : layer.linear) {
      EXPECT_FALSE(matrix.is_float32());
      EXPECT_EQ(matrix.stored_type(), std::nullopt);
      EXPECT_EQ(matrix.mapped_bytes(), 0u);
      expected += Nf4Matrix::forecast_bytes(matrix.shape());
    }
  }
  EXPECT_EQ(resident_bytes(both.frozen), expected);
}

TEST(FrozenBase, AnAdapterMergedWhileDecodingGivesTheBitsOfOneMergedInPlace) {
  for (const Form form : {Form::F16File, Form::Nf4}) {
    for (const LoraConfig& config : {kPlain, kDora, kRankStabilised}) {
      Both both = make_both(true, form);
      const LoraWeights lora = make_lora(both.masters, config);
      merge_lora(both.masters, lora);
      merge_lora(both.frozen, lora);
      EXPECT_FALSE(both.frozen.layers[0].at(Linear::Q).stored_type().has_value());
      for_each_matrix(both.frozen, [](const std::string&, WeightMatrix& m) { m = WeightMatrix(m.decode()); });
      expect_equal(both.masters, both.frozen, 0);
    }
  }
}

TEST(FrozenBase, AFrozenMatrixIsChangedOnce) {
  Both both = make_both(true, Form::F16File);
  const LoraWeights lora = make_lora(both.masters, kPlain);
  merge_lora(both.frozen, lora);
  EXPECT_THROW(merge_lora(both.frozen, lora), Error);
}

}  // namespace
}  // namespace faqsmith
