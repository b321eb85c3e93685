// Stop strings may span tokens and characters may span tokens, so text is handed out only once it is certain.
#include "infer/reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

// Bytes at the end that begin a character which is not yet complete.
std::size_t n_cut_bytes(std::string_view text) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, text.size()); ++n) {
    const auto byte = static_cast<unsigned char>(text[text.size() - n]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > n ? n : 0;
  }
  return 0;
}

int n_tokens_allowed(const GenerateJob& job, int max_context) {
  const auto prompt = static_cast<std::int64_t>(job.prompt.size());
  if (prompt == 0) throw Error(Kind::User, "the prompt is empty", "give at least one token");
  if (job.max_tokens <= 0)
    throw Error(Kind::User, fmt::format("max_tokens is {}", job.max_tokens), "ask for at least one");
  if (prompt >= max_context) {
    throw Error(Kind::User, fmt::format("the prompt has {} tokens, the model's context holds {}", prompt, max_context),
                "shorten the prompt or use a model with a longer context");
  }
  return static_cast<int>(std::min<std::int64_t>(job.max_tokens, max_context - prompt + 1));
}

}  // namespace

Reply::Reply(const GenerateJob& job, std::size_t index, const Tokenizer& tokenizer, const ByteTokens& bytes,
             TokenId end_of_turn, int max_context)
    : sequence{.tokens = job.prompt},
      job_(job),
      index_(index),
      tokenizer_(tokenizer),
      max_tokens_(n_tokens_allowed(job, max_context)),
      sampler_(job.sampling, tokenizer.vocab_size()) {
  sequence.first_logit = job.prompt.size() - 1;
  sequence.n_prompt = job.prompt.size() - std::min(job.n_opening, job.prompt.size());
  sequence.n_total = job.prompt.size() + static_cast<std::size_t>(max_tokens_) - 1;  // the last token is never fed
  for (TokenId id : job.prompt) {
    if (id < 0 || id >= tokenizer.vocab_size()) {
      throw Error(Kind::User, fmt::format("token id {} is outside the vocabulary", id),
                  "use ids of this model's tokenizer");
    }
    sampler_.observe(id);
  }
  if (job.grammar) constraint_.emplace(job.grammar, tokenizer, bytes, end_of_turn, max_tokens_);
}

void Reply::sample(std::span<float> logits) {
  try {
    // Rows of the head beyond the tokenizer's vocabulary are padding.
    const auto vocabulary = static_cast<std::size_t>(tokenizer_.vocab_size());
    sampled_ = sampler_.next(logits.subspan(0, vocabulary), constraint_ ? &*constraint_ : nullptr);
  } catch (const Error& e) {
    sampled_ = {};
    result_.failure = e.what();
  }
}

bool Reply::find_stop() {
  if (job_.grammar) return false;  // a cut would not parse
  std::size_t first = std::string::npos;
  for (const auto& stop : job_.stop) {
    if (stop.empty()) continue;
    const std::size_t fresh = tokenizer_.token_bytes(result_.tokens.back()).size();
    const std::size_t from = bytes_.size() - std::min(bytes_.size(), fresh + stop.size());
    first = std::min(first, bytes_.find(stop, from));
  }
  if (first == std::string::npos) return false;
  bytes_.resize(std::max(first, n_emitted_));
  return true;
}

std::size_t Reply::n_certain_bytes() const {
  std::size_t held = n_cut_bytes(bytes_);
  if (!job_.grammar) {
    for (const auto& stop : job_.stop) {
      for (std::size_t n = std::min(stop.size(), bytes_.size()); n > held; --n) {
        if (std::string_view(bytes_).substr(bytes_.size() - n) != std::string_view(stop).substr(0, n)) continue;
        held = n;
        break;
      }
    }
  }
  const std::size_t end = bytes_.size() - held;
  return std::max(n_emitted_, end - n_cut_bytes(std::string_view(bytes_).substr(0, end)));
}

bool Reply::emit(std::size_t end, const GenerateCallbacks& callbacks) {
  if (!callbacks.on_text || end <= n_emitted_) return true;
  const std::string piece = repair_utf8(std::string_view(bytes_).substr(n_emitted_, end - n_emitted_));
  n_emitted_ = end;
  return callbacks.on_text(index_, piece);
}

bool Reply::advance(const GenerateCallbacks& callbacks) {
  if (sampled_.id < 0) return end(EndedBy::Failure);
  result_.tokens.push_back(sampled_.id);
  result_.log_probabilities.push_back(sampled_.log_probability);
  result_.log_probability += sampled_.log_probability;
  const auto finish = [&](EndedBy how) {
    if (how != EndedBy::Limit) (void)emit(bytes_.size(), callbacks);
    return end(how);
  };
  // Any control token ends the turn: a model that opens another turn is done with this one.
  const bool control = tokenizer_.is_control(sampled_.id);
  if (control && job_.at_end == AtEnd::Stop) return finish(EndedBy::EndOfTurn);
  // A space before the first word is the tokenizer's, not the reply's, as in decode().
  const bool first = result_.tokens.size() == 1;
  if (!control) bytes_ += first ? tokenizer_.first_token_bytes(sampled_.id) : tokenizer_.token_bytes(sampled_.id);
  if (!control && find_stop()) return finish(EndedBy::StopString);
  if (constraint_ && constraint_->finished()) return finish(EndedBy::Grammar);
  if (!emit(n_certain_bytes(), callbacks)) return end(EndedBy::Caller);
  if (result_.tokens.size() == static_cast<std::size_t>(max_tokens_)) {
    bytes_.resize(bytes_.size() - n_cut_bytes(bytes_));
    (void)emit(bytes_.size(), callbacks);
    return end(EndedBy::Limit);
  }
  sequence.tokens.push_back(sampled_.id);
  return false;
}

GenerateResult Reply::take_result() {
  result_.text = repair_utf8(bytes_);
  return std::move(result_);
}

}  // namespace faqsmith
