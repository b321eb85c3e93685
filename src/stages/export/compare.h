// Is an export still the model that was trained? Comparison of tensors and of answers. Private to stages/export.
#pragma once
#include <string>
#include <vector>

#include "llm/chat_model.h"
#include "model/lora.h"
#include "model/weights.h"

namespace faqsmith {

struct TensorComparison {
  std::int64_t n_tensors = 0;
  double largest_difference = 0;  // absolute
};
// Every value within relative_bound · |value| + absolute_bound of the trained one; 0 and 0 = the same bits. Throws
// Error(Internal) naming file, tensor and index.
TensorComparison compare_tensors(const Weights& trained, const Weights& reloaded, float relative_bound,
                                 float absolute_bound, const std::string& file);
// The same bits, rank, scale and targets.
TensorComparison compare_adapters(const LoraWeights& trained, const LoraWeights& reloaded, const std::string& file);
void compare_tokenizers(const TokenizerSpec& trained, const TokenizerSpec& reloaded, const std::string& file);

// What the trained model answers to each prompt, greedily, and how likely it finds its own answer.
struct Answers {
  std::vector<std::vector<Message>> prompts;
  std::vector<std::string> texts;
  std::vector<Score> scores;
};
[[nodiscard]] Answers answer_prompts(ChatModel& trained, std::vector<std::vector<Message>> prompts);

struct AnswerComparison {
  int n_prompts = 0, n_same_text = 0;
  double largest_score_difference = 0;  // natural logarithm, a token of the trained model's answer
};
[[nodiscard]] AnswerComparison compare_answers(const Answers& trained, ChatModel& reloaded);

}  // namespace faqsmith
