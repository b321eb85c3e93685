// The engine against llama.cpp on the demo model. tools/oracle/llama_cpp_greedy.py runs these with what llama.cpp said
// (FAQSMITH_PARITY_RECORD) and the model (FAQSMITH_DEMO_MODEL); without them they are skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "infer/engine.h"
#include "model/weights.h"
#include "sys/file.h"
#include "text/chat_template.h"

namespace faqsmith {
namespace {

using Json = nlohmann::json;

constexpr double kClose = 1e-3;  // two logits that near may swap places
// Mean divergence, natural logarithm: llama.cpp rounds activations to 8 bits beside 4-bit weights, faqsmith does not.
constexpr double kQuantisedBound = 0.02;
constexpr double kBf16Bound = 0.02;  // the same with bf16 operands on our side
// Mean divergence of the products from the blocks themselves from those with float32 weights and activations.
constexpr double kBlocksBound = 0.01;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

TEST(ParityFiles, WritesTheModelAsF32) {
  const std::string base = setting("FAQSMITH_DEMO_MODEL"), target = setting("FAQSMITH_WRITE_FILES");
  if (base.empty() || target.empty()) GTEST_SKIP() << "run by tools/oracle/llama_cpp_greedy.py";
  const ModelFile file = load_model(base, HashFile::No);
  save_gguf(target, file.weights, file.tokenizer, file.name, GgufFloat::F32);
}

class Parity : public testing::Test {
 protected:
  void SetUp() override {
    const std::string record = setting("FAQSMITH_PARITY_RECORD");
    if (record.empty()) GTEST_SKIP() << "run by tools/oracle/llama_cpp_greedy.py";
    theirs = parse_json(read_file(record));
    file = load_model(setting("FAQSMITH_DEMO_MODEL"), HashFile::No);
    tokenizer = std::make_unique<Tokenizer>(file.tokenizer);
  }
  [[nodiscard]] std::vector<TokenId> prompt(std::size_t i) const { return theirs["prompts"][i]["ids"]; }

  // Log-probabilities of every token after each of `ids` from index `first` on: [ids.size() - first][vocab].
  static std::vector<std::vector<double>> log_probabilities(ForwardPass& forward, const std::vector<TokenId>& ids,
                                                            std::size_t first) {
    Scheduler scheduler(forward);
    Sequence sequence{.tokens = ids, .first_logit = first, .n_total = ids.size()};
    EXPECT_TRUE(scheduler.admit(sequence));
    Sequence* const one = &sequence;
    const auto rows = static_cast<std::int64_t>(scheduler.step({&one, 1}).size());
    const Out<float> logits = forward.logits(0, rows);
    std::vector<std::vector<double>> out;
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* row = logits.data + r * logits.shape[1];
      out.emplace_back(row, row + logits.shape[1]);
      const double top = *std::max_element(out.back().begin(), out.back().end());
      double sum = 0;
      for (double x : out.back()) sum += std::exp(x - top);
      for (double& x : out.back()) x -= top + std::log(sum);
    }
    return out;
  }
  static std::unique_ptr<ForwardPass> load_forward(Compute compute, WeightForm form) {
    const auto path = setting("FAQSMITH_DEMO_MODEL");
    return ForwardPass::create(Cpu{compute}, load_model(path, HashFile::No, Residency::AsStored).weights,
                               {.n_pages = 40}, form);
  }
  // Mean over all positions of KL(f32, packed || the given), over the whole vocabulary, on the record's own texts.
  double divergence_from_f32(Compute compute, WeightForm form) {
    const auto exact = load_forward(Compute::F32, WeightForm::Packed), other = load_forward(compute, form);
    double sum = 0;
    int n = 0;
    for (std::size_t i = 0; i < theirs["quantised"].size(); ++i) {
      auto ids = prompt(i);
      for (const auto& step : theirs["quantised"][i]) ids.push_back(step[0][0]);
      const auto p = log_probabilities(*exact, ids, 0), q = log_probabilities(*other, ids, 0);
      for (std::size_t r = 0; r < p.size(); ++r, ++n) {
        for (std::size_t v = 0; v < p[r].size(); ++v) sum += std::exp(p[r][v]) * (p[r][v] - q[r][v]);
      }
    }
    return sum / n;
  }
  // Mean over all positions of KL(theirs || ours) on their likeliest tokens and the rest as one class.
  double mean_divergence(const Json& replies, Compute compute, WeightForm form = WeightForm::Packed) {
    const auto forward = load_forward(compute, form);
    double sum = 0;
    int n = 0;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      auto ids = prompt(i);
      const std::size_t first = ids.size() - 1;
      for (const auto& step : replies[i]) ids.push_back(step[0][0]);
      ids.pop_back();
      const auto ours = log_probabilities(*forward, ids, first);
      for (std::size_t s = 0; s < replies[i].size(); ++s, ++n) {
        double rest_p = 1, rest_q = 1;
        for (const auto& [id, log_p] : replies[i][s].get<std::vector<std::pair<std::size_t, double>>>()) {
          sum += std::exp(log_p) * (log_p - ours[s][id]);
          rest_p -= std::exp(log_p);
          rest_q -= std::exp(ours[s][id]);
        }
        if (rest_p > 1e-9 && rest_q > 1e-9) sum += rest_p * std::log(rest_p / rest_q);
      }
    }
    return sum / n;
  }

  Json theirs;
  ModelFile file;
  std::unique_ptr<Tokenizer> tokenizer;
};

TEST_F(Parity, ThePromptIsWhatLlamaCppWasGiven) {
  const ChatTemplate chat(*tokenizer);
  for (const auto& p : theirs["prompts"]) {
    EXPECT_EQ(chat.prompt({{Role::System, p["system"]}, {Role::User, p["user"]}}),
              p["ids"].get<std::vector<TokenId>>());
  }
}

TEST_F(Parity, GreedyTextEqualsLlamaCpp) {
  Engine engine(Cpu{Compute::F32}, std::move(file.weights), *tokenizer, tokenizer->eos(), {});
  std::vector<GenerateJob> jobs;
  for (std::size_t i = 0; i < theirs["prompts"].size(); ++i) {
    GenerateJob& job = jobs.emplace_back();
    job.prompt = prompt(i);
    job.max_tokens = static_cast<int>(theirs["f32"][i].size());
  }
  const auto ours = engine.generate(jobs, {});
  const auto forward = ForwardPass::create(
      Cpu{Compute::F32}, load_model(setting("FAQSMITH_DEMO_MODEL"), HashFile::No).weights, {.n_pages = 40});
  std::size_t n_equal = 0, n_near_ties = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& steps = theirs["f32"][i];
    const auto& tokens = ours[i].tokens;
    std::size_t at = 0;
    while (at < std::min<std::size_t>(tokens.size(), steps.size()) && tokens[at] == steps[at][0][0]) ++at;
    n_equal += at;
    if (at == steps.size() && at == tokens.size()) continue;
    ASSERT_LT(at, std::min<std::size_t>(tokens.size(), steps.size())) << "prompt " << i << ": one text ends early";
    auto ids = prompt(i);
    ids.insert(ids.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(at));
    auto row = log_probabilities(*forward, ids, ids.size() - 1)[0];
    std::partial_sort(row.begin(), row.begin() + 2, row.end(), std::greater<>());
    const double their_gap = steps[at][0][1].get<double>() - steps[at][1][1].get<double>();
    EXPECT_EQ(tokens[at], steps[at][1][0]) << "prompt " << i << " token " << at;
    EXPECT_LE(their_gap, kClose) << "prompt " << i << " token " << at;
    EXPECT_LE(row[0] - row[1], kClose) << "prompt " << i << " token " << at;
    ++n_near_ties;
  }
  std::printf("greedy, f32: %zu prompts, %zu tokens equal, %zu texts part at a near tie\n", jobs.size(), n_equal,
              n_near_ties);
}

TEST_F(Parity, QuantisedDivergenceFromLlamaCppIsBounded) {
  const double divergence = mean_divergence(theirs["quantised"], Compute::F32);
  std::printf("Q4_1 file, f32 engine: mean KL %.5f (bound %.3f)\n", divergence, kQuantisedBound);
  EXPECT_LT(divergence, kQuantisedBound);
}

TEST_F(Parity, Bf16DivergenceFromLlamaCppIsBounded) {
  if (detect_cpu().compute != Compute::Bf16) GTEST_SKIP() << "this processor has no bf16 path";
  const double divergence = mean_divergence(theirs["quantised"], Compute::Bf16);
  std::printf("Q4_1 file, bf16 engine: mean KL %.5f (bound %.3f)\n", divergence, kBf16Bound);
  EXPECT_LT(divergence, kBf16Bound);
}

TEST_F(Parity, ProductsFromTheBlocksStayCloseToF32AndToLlamaCpp) {
  std::vector<Compute> computes = {Compute::F32};
  if (detect_cpu().compute == Compute::Bf16) computes.push_back(Compute::Bf16);
  for (const Compute compute : computes) {
    const char* const name = compute == Compute::Bf16 ? "bf16" : "f32";
    for (const WeightForm form : {WeightForm::Packed, WeightForm::Blocks}) {
      const double divergence = divergence_from_f32(compute, form);
      std::printf("%s, %s: mean KL from f32 %.6f (bound %.3f)\n", name,
                  form == WeightForm::Packed ? "packed" : "blocks", divergence, kBlocksBound);
      EXPECT_LT(divergence, kBlocksBound);
    }
    const double from_theirs = mean_divergence(theirs["quantised"], compute, WeightForm::Blocks);
    std::printf("%s, blocks: mean KL from llama.cpp %.5f (bound %.3f)\n", name, from_theirs, kQuantisedBound);
    EXPECT_LT(from_theirs, kQuantisedBound);
  }
}

}  // namespace
}  // namespace faqsmith
