// A model whose matrices stay in quantised blocks must say what the same values say in float32, within the rounding of
// activations to 8 bits.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "infer/engine.h"
#include "infer/tiny_tokenizer.h"
#include "sys/file.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 2;
// Root mean square of the difference, relative to the logits': rounding to 8 bits is about 0.5% a product here, and
// random layers pass it on undamped.
constexpr double kCloseLogits = 0.03;

LlamaConfig block_config(TokenId vocab, std::int64_t hidden = 64) {
  LlamaConfig config;
  config.hidden_size = hidden;
  config.intermediate_size = hidden + 32;
  config.n_layers = 3;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 16;
  config.vocab_size = vocab;
  config.max_positions = 256;
  config.tied_embeddings = true;
  return config;
}

// Random blocks of one type, as a file's.
WeightMatrix random_blocks(GgmlType type, const Shape& shape, Rng& rng) {
  const GgmlTypeInfo& info = *find_type(static_cast<std::uint32_t>(type));
  const std::int64_t n_blocks = shape.size() / info.block_elements;
  std::string bytes(static_cast<std::size_t>(n_blocks * info.block_bytes), '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.below(256));
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const std::uint16_t scale = float_to_half(type == GgmlType::Q8_0 ? 0.001f : 0.01f), min = float_to_half(-0.075f);
    std::memcpy(bytes.data() + b * info.block_bytes, &scale, 2);
    if (type == GgmlType::Q4_1) std::memcpy(bytes.data() + b * info.block_bytes + 2, &min, 2);
  }
  // A map and no memory: pages that are released come back from the file.
  std::string name = (fs::temp_directory_path() / "faqsmith_blocks_XXXXXX").string();
  ::close(::mkstemp(name.data()));
  write_file_atomic(name, bytes);
  auto map = std::make_shared<MappedFile>(name);
  fs::remove(name);
  const std::span<const std::byte> view = map->bytes();
  return WeightMatrix(shape, {.type = type, .bytes = view, .owner = std::move(map)});
}

class WeightFormTest : public testing::Test {
 protected:
  // The same values at every call.
  Weights stored_weights() const {
    Weights weights = random_weights(config, 5);
    Rng rng(6);
    weights.embedding = random_blocks(GgmlType::Q8_0, {config.vocab_size, config.hidden_size}, rng);
    for (LayerWeights& layer : weights.layers) {
      for (int l = 0; l < kLinearsPerLayer; ++l) {
        const GgmlType type = l % 2 == 0 ? GgmlType::Q4_1 : GgmlType::Q5_0;
        layer.linear[l] = random_blocks(type, linear_shape(config, static_cast<Linear>(l)), rng);
      }
    }
    return weights;
  }
  // Logits of every position: [n * vocab].
  static std::vector<float> logits_of(Weights weights, WeightForm form, Compute compute = Compute::F32) {
    const auto forward = ForwardPass::create(Cpu{compute}, std::move(weights), {.n_pages = 8}, form);
    Scheduler scheduler(*forward);
    std::vector<TokenId> ids;
    for (TokenId i = 0; i < 40; ++i) ids.push_back(3 + i * 7 % 40);
    Sequence sequence{.tokens = ids, .first_logit = 0, .n_total = ids.size()};
    EXPECT_TRUE(scheduler.admit(sequence));
    Sequence* const one = &sequence;
    const auto rows = static_cast<std::int64_t>(scheduler.step({&one, 1}).size());
    const Out<float> logits = forward->logits(0, rows);
    return {logits.data, logits.data + rows * logits.shape[1]};
  }
  static void expect_close(const std::vector<float>& got, const std::vector<float>& want) {
    ASSERT_EQ(got.size(), want.size());
    double square = 0, difference = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      square += static_cast<double>(want[i]) * want[i];
      difference += std::pow(static_cast<double>(got[i]) - want[i], 2);
    }
    EXPECT_LT(std::sqrt(difference / square), kCloseLogits);
    EXPECT_GT(difference, 0) << "nothing was rounded: the form was not used";
  }

  Tokenizer tokenizer{tiny_tokenizer_spec()};
  LlamaConfig config = block_config(tokenizer.vocab_size());
};

TEST_F(WeightFormTest, BlocksOfAFileSayWhatTheirValuesSay) {
  expect_close(logits_of(stored_weights(), WeightForm::Blocks), logits_of(stored_weights(), WeightForm::Packed));
}

TEST_F(WeightFormTest, FloatsRoundedTo8BitsStayClose) {
  expect_close(logits_of(random_weights(config, 8), WeightForm::Quantised),
               logits_of(random_weights(config, 8), WeightForm::Packed));
}

TEST_F(WeightFormTest, FloatsAreRoundedTo16BitsAtMostUnlessAskedFor) {
  const auto to_bf16 = [](Weights weights) {
    for_each_tensor(weights, [](const std::string& name, Buffer<float>& tensor) {
      for (std::int64_t i = 0; i < tensor.size() && name.find("norm") == std::string::npos; ++i)
        tensor[i] = to_float(from_float<bf16>(tensor[i]));
    });
    return weights;
  };
  const std::vector<float> packed = logits_of(random_weights(config, 8), WeightForm::Packed);
  expect_close(logits_of(random_weights(config, 8), WeightForm::Blocks), packed);
  EXPECT_EQ(logits_of(to_bf16(random_weights(config, 8)), WeightForm::Blocks),
            logits_of(to_bf16(random_weights(config, 8)), WeightForm::Packed));
}

TEST_F(WeightFormTest, WidthsWithoutWholeBlocksStayPacked) {
  config = block_config(tokenizer.vocab_size(), 48);
  config.intermediate_size = 80;
  EXPECT_NO_THROW((void)logits_of(random_weights(config, 8), WeightForm::Quantised));
}

TEST_F(WeightFormTest, MemoryIsThatOfTheBlocks) {
  const auto bytes = [&](WeightForm form) {
    return ForwardPass::create(Cpu{}, stored_weights(), {.n_pages = 1}, form)->weight_bytes();
  };
  std::size_t in_file = 0;
  const Weights weights = stored_weights();
  in_file += weights.embedding.row_blocks(0).size() * static_cast<std::size_t>(config.vocab_size);
  for (const LayerWeights& layer : weights.layers) {
    for (const WeightMatrix& matrix : layer.linear)
      in_file += matrix.row_blocks(0).size() * static_cast<std::size_t>(matrix.shape()[0]);
  }
  EXPECT_GE(bytes(WeightForm::Blocks), in_file);
  EXPECT_LT(static_cast<double>(bytes(WeightForm::Blocks)), 1.15 * static_cast<double>(in_file));  // panels of 16 rows
  EXPECT_GT(bytes(WeightForm::Packed), 3 * in_file);
}

TEST_F(WeightFormTest, ABatchOfMixedLengthsEqualsEachAlone) {
  Rng rng(9);
  std::vector<GenerateJob> jobs;
  for (std::size_t i = 0; i < 7; ++i) {
    GenerateJob job{.prompt = {}, .max_tokens = 12, .at_end = AtEnd::Continue};
    for (std::size_t t = 0; t < 3 + 9 * i; ++t) job.prompt.push_back(static_cast<TokenId>(3 + rng.below(40)));
    jobs.push_back(std::move(job));
  }
  const EngineOptions options{.weights = WeightForm::Blocks};
  const auto run = [&](const std::vector<GenerateJob>& some) {
    return Engine(Cpu{Compute::F32}, stored_weights(), tokenizer, kEnd, options).generate(some, {});
  };
  const auto together = run(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(together[i].tokens, run({jobs[i]})[0].tokens) << i;
}

}  // namespace
}  // namespace faqsmith
