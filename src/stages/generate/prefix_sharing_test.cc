// All requests about one source share what they have in common: counted in the engine's rows.
#include <gtest/gtest.h>

#include <set>

#include "infer/tiny_tokenizer.h"
#include "llm/local_model.h"
#include "stages/generate/wordings.h"

namespace faqsmith {
namespace {

std::unique_ptr<LocalModel> tiny_model() {
  TokenizerSpec spec = tiny_tokenizer_spec();
  LlamaConfig config;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.n_layers = 1;
  config.n_heads = config.n_kv_heads = 1;
  config.head_dim = 32;
  config.vocab_size = static_cast<std::int64_t>(spec.tokens.size());
  config.max_positions = 4096;
  return std::make_unique<LocalModel>(random_weights(config, 3), std::move(spec), "tiny", Cpu{});
}

// Distinct beginnings of the prompts, each of which must be computed once.
std::int64_t n_distinct_beginnings(const std::vector<std::vector<TokenId>>& prompts) {
  std::vector<std::vector<TokenId>> sorted = prompts;
  std::sort(sorted.begin(), sorted.end());
  std::int64_t n = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    std::size_t common = 0;
    if (i > 0) {
      const auto end = std::mismatch(sorted[i].begin(), sorted[i].end(), sorted[i - 1].begin(), sorted[i - 1].end());
      common = static_cast<std::size_t>(end.first - sorted[i].begin());
    }
    n += static_cast<std::int64_t>(sorted[i].size() - common);
  }
  return n;
}

TEST(PrefixSharing, RequestsAboutASectionComputeTheirCommonBeginningsOnce) {
  WordingBatch batch;
  for (int i = 0; i < 4; ++i) {
    FactToWord fact;
    fact.fact.key = "fact " + std::to_string(i);
    fact.fact.heading = "The pump";
    fact.fact.answer = "The pump of kind " + std::to_string(i) + " stands in the cellar and is opened with a key.";
    fact.question = "Where does the pump of kind " + std::to_string(i) + " stand?";
    batch.facts.push_back(fact);
  }
  GenerateOptions options;
  options.samples_per_fact = 24;
  options.question_max_tokens = 3;
  std::vector<ChatRequest> chats;
  for (const WordingRequest& request : wording_requests(batch, options, false)) chats.push_back(request.chat);
  const auto model = tiny_model();
  std::vector<std::vector<TokenId>> prompts;
  std::int64_t n_prompt_tokens = 0, n_new_tokens = 0;
  for (const ChatRequest& chat : chats) {
    prompts.push_back(model->chat_template().prompt(chat.messages));
    n_prompt_tokens += static_cast<std::int64_t>(prompts.back().size());
  }
  for (const ChatReply& reply : model->generate(chats)) {
    EXPECT_EQ(reply.failure, "");
    n_new_tokens += reply.n_new_tokens;
  }
  // Pages of 16 tokens are shared: each request may compute the page again in which it parts from the others.
  const std::int64_t least = n_distinct_beginnings(prompts), n = static_cast<std::int64_t>(prompts.size());
  const std::int64_t computed = model->engine().scheduler().n_rows_computed();
  EXPECT_EQ(n, 96);
  EXPECT_LE(computed, least + 16 * n + n_new_tokens);
  EXPECT_LT(computed, n_prompt_tokens / 5);
}

}  // namespace
}  // namespace faqsmith
