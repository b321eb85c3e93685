// One reply as it grows: its sequence, sampler, grammar, text and the rules that end it.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "infer/engine.h"

namespace faqsmith {

class Reply {
 public:
  // Throws Error(User) for options that cannot be obeyed (the job then fails alone). Keeps references.
  Reply(const GenerateJob& job, std::size_t index, const Tokenizer& tokenizer, const ByteTokens& bytes,
        TokenId end_of_turn, int max_context);

  // From a row of logits to the next token; does not throw, a failure ends the reply. Safe beside other replies' calls.
  void sample(std::span<float> logits);
  // Takes the sampled token: text, stop rules, callbacks. Returns true when the reply has ended.
  bool advance(const GenerateCallbacks& callbacks);
  [[nodiscard]] GenerateResult take_result();

  Sequence sequence;
  [[nodiscard]] std::size_t index() const { return index_; }

 private:
  [[nodiscard]] bool find_stop();
  [[nodiscard]] std::size_t n_certain_bytes() const;
  bool emit(std::size_t end, const GenerateCallbacks& callbacks);
  bool end(EndedBy how) { return result_.ended_by = how, true; }

  const GenerateJob& job_;
  std::size_t index_;
  const Tokenizer& tokenizer_;
  int max_tokens_;
  Sampler sampler_;
  std::optional<TokenConstraint> constraint_;
  SampledToken sampled_;
  std::string bytes_;          // of the reply so far
  std::size_t n_emitted_ = 0;  // bytes handed to on_text
  GenerateResult result_;
};

}  // namespace faqsmith
