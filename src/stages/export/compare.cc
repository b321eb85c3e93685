// Bits against bits where the file keeps them all, bounds where it rounds.
#include "stages/export/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr int kAnswerTokens = 48;

[[noreturn]] void differs(const std::string& file, const std::string& how) {
  throw Error(Kind::Internal, fmt::format("{} differs from the trained model: {}", file, how),
              "this is a defect of faqsmith: the file was removed; please report it with this message");
}

bool same_bits(const Buffer<float>& a, const Buffer<float>& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

std::vector<std::string> greedy_texts(ChatModel& model, const std::vector<std::vector<Message>>& prompts) {
  std::vector<ChatRequest> requests;
  for (const auto& messages : prompts) {
    requests.push_back({.messages = messages, .sampling = {.max_tokens = kAnswerTokens}, .json_schema = ""});
  }
  std::vector<std::string> texts;
  for (const ChatReply& reply : model.generate(requests)) {
    if (reply.finish == Finish::Failed) throw Error(Kind::Internal, "a model cannot answer: " + reply.failure);
    texts.push_back(reply.text);
  }
  return texts;
}

std::vector<Score> score_texts(ChatModel& model, const std::vector<std::vector<Message>>& prompts,
                               const std::vector<std::string>& texts) {
  std::vector<ScoreRequest> requests;
  for (std::size_t i = 0; i < prompts.size(); ++i) requests.push_back({prompts[i], texts[i]});
  std::vector<Score> scores = model.score(requests);
  for (const Score& score : scores) {
    if (!score.failure.empty()) throw Error(Kind::Internal, "a model cannot score: " + score.failure);
  }
  return scores;
}

}  // namespace

TensorComparison compare_tensors(const Weights& trained, const Weights& reloaded, float relative_bound,
                                 float absolute_bound, const std::string& file) {
  if (!(trained.config == reloaded.config)) differs(file, "the shape of the model");
  std::vector<const Buffer<float>*> others;
  for_each_tensor(reloaded, [&](const std::string&, const Buffer<float>& tensor) { others.push_back(&tensor); });
  TensorComparison out;
  for_each_tensor(trained, [&](const std::string& name, const Buffer<float>& tensor) {
    const Buffer<float>& other = *others.at(static_cast<std::size_t>(out.n_tensors++));
    if (tensor.shape() != other.shape()) differs(file, fmt::format("the shape of {}", name));
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const float difference = std::abs(tensor[i] - other[i]);
      if (!(difference <= relative_bound * std::abs(tensor[i]) + absolute_bound)) {
        differs(file, fmt::format("{} at index {} is {}, trained is {}", name, i, other[i], tensor[i]));
      }
      out.largest_difference = std::max(out.largest_difference, static_cast<double>(difference));
    }
  });
  return out;
}

TensorComparison compare_adapters(const LoraWeights& trained, const LoraWeights& reloaded, const std::string& file) {
  if (trained.config.rank != reloaded.config.rank || trained.config.alpha != reloaded.config.alpha ||
      trained.config.rslora != reloaded.config.rslora || trained.config.dora != reloaded.config.dora ||
      trained.layers.size() != reloaded.layers.size()) {
    differs(file, "rank, alpha, kind or number of layers");
  }
  TensorComparison out;
  for (std::size_t i = 0; i < trained.layers.size(); ++i) {
    for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
      const auto &a = trained.layers[i][l], &b = reloaded.layers[i][l];
      const bool same =
          a.has_value() == b.has_value() &&
          (!a || (same_bits(a->a, b->a) && same_bits(a->b, b->b) && same_bits(a->magnitude, b->magnitude)));
      if (!same) differs(file, hf_name(static_cast<std::int64_t>(i), static_cast<Linear>(l)));
      if (a) out.n_tensors += a->magnitude.empty() ? 2 : 3;
    }
  }
  return out;
}

void compare_tokenizers(const TokenizerSpec& trained, const TokenizerSpec& reloaded, const std::string& file) {
  const bool same = trained.model == reloaded.model && trained.pre == reloaded.pre &&
                    trained.tokens == reloaded.tokens && trained.merges == reloaded.merges &&
                    trained.scores == reloaded.scores && trained.space_prefix == reloaded.space_prefix &&
                    trained.more_eos == reloaded.more_eos && trained.add_eos == reloaded.add_eos &&
                    trained.bos == reloaded.bos && trained.eos == reloaded.eos && trained.pad == reloaded.pad &&
                    trained.unknown == reloaded.unknown && trained.add_bos == reloaded.add_bos &&
                    trained.chat_template == reloaded.chat_template &&
                    (trained.token_types.empty() || trained.token_types == reloaded.token_types);
  if (!same) differs(file, "its tokenizer");
}

Answers answer_prompts(ChatModel& trained, std::vector<std::vector<Message>> prompts) {
  Answers out;
  out.prompts = std::move(prompts);
  out.texts = greedy_texts(trained, out.prompts);
  out.scores = score_texts(trained, out.prompts, out.texts);
  return out;
}

AnswerComparison compare_answers(const Answers& trained, ChatModel& reloaded) {
  const std::vector<std::string> texts = greedy_texts(reloaded, trained.prompts);
  const std::vector<Score> scores = score_texts(reloaded, trained.prompts, trained.texts);
  AnswerComparison out;
  out.n_prompts = static_cast<int>(trained.prompts.size());
  for (std::size_t i = 0; i < trained.prompts.size(); ++i) {
    out.n_same_text += texts[i] == trained.texts[i] ? 1 : 0;
    const double difference = std::abs(scores[i].log_probability - trained.scores[i].log_probability);
    const double per_token = difference / std::max(1, trained.scores[i].n_tokens);
    // NaN must not pass as "no difference".
    out.largest_score_difference = std::isnan(per_token) ? INFINITY : std::max(out.largest_score_difference, per_token);
  }
  return out;
}

}  // namespace faqsmith
