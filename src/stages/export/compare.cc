// Bits against bits where the file keeps them all, bounds where it rounds.
#include "stages/export/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace faqsmith {
namespace {

[[noreturn]] void differs(const std::string& file, const std::string& how) {
  throw Error(Kind::Internal, fmt::format("{} differs from the trained model: {}", file, how),
              "this is a defect of faqsmith: the file was removed; please report it with this message");
}

bool same_bits(const Buffer<float>& a, const Buffer<float>& b) {
  // memcmp may take its pointers for non-null, and the compiler then takes empty() for false.
  if (a.empty() || b.empty()) return a.empty() && b.empty();
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
}

std::string place_of(const ModelTensor& tensor) {
  return tensor.layer < 0 ? tensor.name : fmt::format("layer {} ({})", tensor.layer, tensor.name);
}

// |written - trained| is at most relative · |trained| + of_block · (the largest of its block) + absolute.
struct Rounding {
  float relative = 0, of_block = 0, absolute = 0;
  std::int64_t block = 32;
};
Rounding rounding_of(GgmlType type) {
  constexpr float kTiny = 0x1p-24f;  // scales are half floats: below that a block becomes zero
  switch (type) {
    case GgmlType::F16:
      return {.relative = 0x1p-11f, .absolute = 0x1p-25f};
    case GgmlType::BF16:
      return {.relative = 0x1p-8f};
    case GgmlType::Q8_0:  // half a step of 1/127, and the rounding of the step
      return {.of_block = 0.005f, .absolute = 128 * kTiny};
    case GgmlType::Q4_0:  // steps of 1/8; the end without the largest value has one level less
      return {.of_block = 0.13f, .absolute = 8 * kTiny};
    case GgmlType::Q5_0:
      return {.of_block = 0.065f, .absolute = 16 * kTiny};
    case GgmlType::Q4_K:  // steps of 1/15 of twice the largest at most, and what their search leaves outside
      return {.of_block = 0.2f, .absolute = 64 * kTiny, .block = 256};
    case GgmlType::Q6_K:
      return {.of_block = 0.05f, .absolute = 64 * kTiny, .block = 256};
    default:
      return {};
  }
}

float largest_magnitude(std::span<const float> values) {
  float out = 0;
  for (const float x : values) out = std::max(out, std::abs(x));
  return out;
}

// Root of the summed squares of a - b, over that of a; both less their mean where asked.
enum class Mean { Kept, Removed };
double relative_difference(const float* a, const float* b, std::int64_t n, Mean mean) {
  double mean_a = 0, mean_b = 0;
  if (mean == Mean::Removed) {
    for (std::int64_t i = 0; i < n; ++i) {
      mean_a += static_cast<double>(a[i]) / static_cast<double>(n);
      mean_b += static_cast<double>(b[i]) / static_cast<double>(n);
    }
  }
  double difference = 0, length = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = static_cast<double>(a[i]) - mean_a, y = static_cast<double>(b[i]) - mean_b;
    difference += (x - y) * (x - y);
    length += x * x;
  }
  if (difference == 0) return 0;
  const double out = std::sqrt(difference / length);
  return std::isnan(out) ? INFINITY : out;  // NaN must not pass as "no difference"
}

double largest_row_difference(const Buffer<float>& a, const Buffer<float>& b, Mean mean) {
  double out = 0;
  const std::int64_t width = a.shape()[1];
  for (std::int64_t row = 0; row < a.shape()[0]; ++row)
    out = std::max(out, relative_difference(a.data() + row * width, b.data() + row * width, width, mean));
  return out;
}

std::vector<LayerwiseJob> jobs_of(const TrainedAnswers& answers) {
  std::vector<LayerwiseJob> jobs;
  for (std::size_t i = 0; i < answers.ids.size(); ++i) {
    LayerwiseJob job{answers.ids[i], static_cast<std::int64_t>(answers.ids[i].size()) - 1};
    job.ids.insert(job.ids.end(), answers.tokens[i].begin(), answers.tokens[i].end());
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace

TensorComparison compare_tensors(const TensorSource& trained, const TensorSource& reloaded, const TensorTypes& types,
                                 const std::string& file) {
  if (!(trained.config() == reloaded.config())) differs(file, "the shape of the model");
  TensorComparison out;
  std::vector<float> others;
  for (const ModelTensor& tensor : model_tensors(trained.config())) {
    const Rounding rounding = rounding_of(types.at(tensor.name));
    read_in_pieces(trained, tensor, 1, [&](std::int64_t first, std::int64_t n, std::span<const float> values) {
      others.resize(values.size());
      reloaded.read_rows(tensor, first, n, others.data());
      for (std::size_t begin = 0; begin < values.size(); begin += static_cast<std::size_t>(rounding.block)) {
        const auto block =
            values.subspan(begin, std::min(static_cast<std::size_t>(rounding.block), values.size() - begin));
        const float slack = rounding.of_block * largest_magnitude(block) + rounding.absolute;
        for (std::size_t i = 0; i < block.size(); ++i) {
          const float difference = std::abs(block[i] - others[begin + i]);
          out.largest_difference = std::max(out.largest_difference, static_cast<double>(difference));
          if (difference <= rounding.relative * std::abs(block[i]) + slack) continue;
          const auto index = first * tensor.row_size() + static_cast<std::int64_t>(begin + i);
          differs(file, fmt::format("{} at index {} is {}, trained is {}", place_of(tensor), index, others[begin + i],
                                    block[i]));
        }
      }
    });
    reloaded.release_pages(tensor);
    ++out.n_tensors;
  }
  return out;
}

TensorComparison compare_adapters(const LoraWeights& trained, const LoraWeights& reloaded, AdapterScale scale,
                                  const std::string& file) {
  const LoraConfig &ours = trained.config, &theirs = reloaded.config;
  const bool same_scale = scale == AdapterScale::Folded
                              ? std::abs(ours.scale() - theirs.scale()) <= 1e-6f * ours.scale()
                              : ours.alpha == theirs.alpha && ours.rslora == theirs.rslora;
  if (ours.rank != theirs.rank || !same_scale || ours.dora != theirs.dora ||
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
      if (!same)
        differs(file, fmt::format("layer {} ({})", i, hf_name(static_cast<std::int64_t>(i), static_cast<Linear>(l))));
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

TrainedAnswers answer_prompts(const TensorSource& trained, const ChatTemplate& chat, const Tokenizer& tokenizer,
                              std::vector<std::vector<Message>> prompts, const std::vector<std::string>& expected,
                              int n_tokens, const fs::path& scratch_folder) {
  TrainedAnswers out;
  out.prompts = std::move(prompts);
  std::vector<std::vector<TokenId>> drafts;
  for (std::size_t i = 0; i < out.prompts.size(); ++i) {
    out.ids.push_back(chat.prompt(out.prompts[i]));
    out.texts.push_back(chat.text(out.prompts[i], chat::Prompt::Yes));
    drafts.push_back(i < expected.size() && !expected[i].empty() ? chat.answer(expected[i]) : std::vector<TokenId>{});
  }
  std::vector<TokenId> ends = {chat.end_of_turn()};
  if (tokenizer.spec().eos >= 0) ends.push_back(tokenizer.spec().eos);
  out.tokens = continue_greedily(trained, out.ids, std::move(drafts), n_tokens, ends, scratch_folder).tokens;
  out.seen = run_layerwise(trained, jobs_of(out));
  return out;
}

AnswerComparison compare_answers(const TrainedAnswers& trained, const TensorSource& reloaded, const ChatTemplate& chat,
                                 const std::string& file) {
  for (std::size_t i = 0; i < trained.prompts.size(); ++i) {
    if (chat.text(trained.prompts[i], chat::Prompt::Yes) != trained.texts[i])
      differs(file, fmt::format("the template renders \"{}\" otherwise", trained.texts[i]));
    if (chat.prompt(trained.prompts[i]) != trained.ids[i])
      differs(file, fmt::format("\"{}\" has other token ids", trained.texts[i]));
  }
  const LayerwiseResult seen = run_layerwise(reloaded, jobs_of(trained));
  AnswerComparison out;
  out.n_prompts = static_cast<int>(trained.prompts.size());
  for (std::size_t i = 0; i < trained.tokens.size(); ++i) {
    const std::size_t n = trained.tokens[i].size();
    std::size_t same = 0;
    double score = 0;
    for (std::size_t k = 0; k < n; ++k) {
      same += seen.next[i][k].likeliest == trained.seen.next[i][k].likeliest ? 1 : 0;
      score += seen.next[i][k].log_probability - trained.seen.next[i][k].log_probability;
    }
    out.n_same_text += same == n ? 1 : 0;
    out.n_tokens += static_cast<std::int64_t>(n);
    out.n_same_tokens += static_cast<std::int64_t>(same);
    const double per_token = std::abs(score) / static_cast<double>(n);
    out.largest_score_difference = std::isnan(per_token) ? INFINITY : std::max(out.largest_score_difference, per_token);
  }
  for (std::size_t k = 0; k < seen.states.size(); ++k)
    out.state_differences.push_back(largest_row_difference(trained.seen.states[k], seen.states[k], Mean::Kept));
  out.logit_difference = largest_row_difference(trained.seen.logits, seen.logits, Mean::Removed);
  return out;
}

void check_answers(const AnswerComparison& said, const ExportBounds& bounds, const std::string& file) {
  for (std::size_t k = 0; k < said.state_differences.size(); ++k) {
    if (said.state_differences[k] <= bounds.states) continue;
    const std::string where = k == 0 ? "the embedding" : fmt::format("layer {}", k - 1);
    differs(file,
            fmt::format("the first layer that differs is {}: what it computes is off by {:.3g} of its length, {} is "
                        "allowed",
                        where, said.state_differences[k], bounds.states));
  }
  if (said.logit_difference > bounds.logits)
    differs(file, fmt::format("the first layer that differs is the head: logits are off by {:.3g}, {} is allowed",
                              said.logit_difference, bounds.logits));
  if (said.largest_score_difference > bounds.score) {
    differs(file, fmt::format("log-probabilities of answers differ by {:.3g} a token, {} is allowed",
                              said.largest_score_difference, bounds.score));
  }
  if (bounds.logits == 0 && said.n_same_text != said.n_prompts)
    differs(file, fmt::format("only {} of {} answers are the same", said.n_same_text, said.n_prompts));
}

}  // namespace faqsmith
