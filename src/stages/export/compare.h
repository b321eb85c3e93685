// Is an export still the model that was trained? Comparison of tensors, of tokens and of what the model computes after
// each layer. Private to stages/export. Everything that differs is named with its layer.
#pragma once
#include <string>
#include <vector>

#include "infer/layerwise.h"
#include "model/lora.h"
#include "model/tensor_source.h"
#include "stages/export/kinds.h"
#include "text/chat_template.h"

namespace faqsmith {

struct TensorComparison {
  std::int64_t n_tensors = 0;
  double largest_difference = 0;  // absolute
};
// Tensor by tensor in the model's order, within the rounding of the type that each was written in (all values the same
// bits in F32). Throws Error(Internal) naming file, layer, tensor and index.
[[nodiscard]] TensorComparison compare_tensors(const TensorSource& trained, const TensorSource& reloaded,
                                               const TensorTypes& types, const std::string& file);
// The same bits, rank, scale and targets. Folded: kind and alpha may differ if the scale is the same within rounding.
enum class AdapterScale { AsTrained, Folded };
TensorComparison compare_adapters(const LoraWeights& trained, const LoraWeights& reloaded, AdapterScale scale,
                                  const std::string& file);
void compare_tokenizers(const TokenizerSpec& trained, const TokenizerSpec& reloaded, const std::string& file);

// What the trained model does with each prompt.
struct TrainedAnswers {
  std::vector<std::vector<Message>> prompts;
  std::vector<std::vector<TokenId>> ids;     // rendered
  std::vector<std::string> texts;            // rendered, for people
  std::vector<std::vector<TokenId>> tokens;  // its greedy answer
  LayerwiseResult seen;                      // over prompt and answer
};
// expected: an answer for each prompt that the model probably gives (empty: none); it saves time and changes nothing.
// scratch_folder: see continue_greedily.
[[nodiscard]] TrainedAnswers answer_prompts(const TensorSource& trained, const ChatTemplate& chat,
                                            const Tokenizer& tokenizer, std::vector<std::vector<Message>> prompts,
                                            const std::vector<std::string>& expected, int n_tokens,
                                            const fs::path& scratch_folder);

struct AnswerComparison {
  int n_prompts = 0, n_same_text = 0;
  std::int64_t n_tokens = 0, n_same_tokens = 0;  // of the trained model's answers: the likeliest token is the same
  double largest_score_difference = 0;           // natural logarithm, a token of the trained model's answer
  double logit_difference = 0;                   // relative, over all prompts
  std::vector<double> state_differences;         // [n_layers + 1] relative: embedding, then each layer
};
// The rendered prompts' text and ids must be the same: throws Error(Internal) that names the first that is not.
[[nodiscard]] AnswerComparison compare_answers(const TrainedAnswers& trained, const TensorSource& reloaded,
                                               const ChatTemplate& chat, const std::string& file);
// Throws Error(Internal) that names the first layer that differs by more than the bounds allow.
void check_answers(const AnswerComparison& said, const ExportBounds& bounds, const std::string& file);

}  // namespace faqsmith
