// The gates of examples.h.
#include "train/examples.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"

namespace faqsmith {
namespace {

std::string_view as_bytes(const TokenId* ids, std::size_t n) {
  return {reinterpret_cast<const char*>(ids), n * sizeof(TokenId)};
}

// The tokens before the first trained one: what the user asked.
std::string_view prompt_bytes(const Example& example) {
  const auto first = std::find(example.trained.begin(), example.trained.end(), true);
  return as_bytes(example.ids.data(), static_cast<std::size_t>(first - example.trained.begin()));
}

void check_example(const Example& example, std::int64_t max_length, TokenId end_of_turn, TokenId vocab_size) {
  require(example.ids.size() == example.trained.size(), "an example has one mark for each token");
  require(example.asked.empty() || example.asked.size() == example.ids.size(), "asked has one mark for each token");
  const auto length = static_cast<std::int64_t>(example.ids.size());
  if (length > max_length) {
    throw Error(
        Kind::Input,
        fmt::format("{} has {} tokens, more than the {} allowed: it would be cut", example.name, length, max_length),
        "raise train.max_length, shorten this pair, or set train.drop_long to leave such pairs out");
  }
  std::int64_t labelled = 0, ends = 0;
  for (std::size_t i = 0; i < example.ids.size(); ++i) {
    if (example.ids[i] < 0 || example.ids[i] >= vocab_size) {
      throw Error(Kind::Input,
                  fmt::format("{} has token {} outside the vocabulary of {}", example.name, example.ids[i], vocab_size),
                  "train with the tokenizer of the same model file");
    }
    if (!example.trained[i]) continue;
    if (i > 0) ++labelled;  // the first token has no row before it that could predict it
    if (example.ids[i] == end_of_turn) ++ends;
  }
  if (labelled == 0) {
    throw Error(Kind::Input, example.name + " has no token to learn from", "give it an answer or leave it out");
  }
  if (ends != example.n_answers) {
    throw Error(Kind::Input,
                fmt::format("{} trains {} end-of-turn tokens for {} answers: the bot would not learn where to stop",
                            example.name, ends, example.n_answers),
                "render it with the chat template of the same model");
  }
}

void check_held_out(const TrainData& data) {
  std::unordered_map<std::string_view, const Example*> held_out;
  for (const Example& example : data.held_out) held_out.emplace(prompt_bytes(example), &example);
  for (const auto* part : {&data.train, &data.validation}) {
    for (const Example& example : *part) {
      const auto found = held_out.find(prompt_bytes(example));
      if (found == held_out.end()) continue;
      throw Error(Kind::Input, fmt::format("{} is also in the test set ({})", example.name, found->second->name),
                  "run `faqsmith split` again, or remove one of the two");
    }
  }
}

}  // namespace

void check_data(const TrainData& data, std::int64_t max_length, TokenId end_of_turn, TokenId vocab_size) {
  if (data.train.empty()) {
    throw Error(Kind::Input, "there is no training pair",
                "run the earlier stages first, and see `faqsmith status` for what they kept");
  }
  for (const auto* part : {&data.train, &data.validation}) {
    for (const Example& example : *part) check_example(example, max_length, end_of_turn, vocab_size);
  }
  check_held_out(data);
}

void leave_out_long(TrainData& data, std::int64_t max_length) {
  for (auto* part : {&data.train, &data.validation}) {
    std::erase_if(*part, [&](const Example& example) {
      if (static_cast<std::int64_t>(example.ids.size()) <= max_length) return false;
      data.left_out.push_back(fmt::format("{} ({} tokens)", example.name, example.ids.size()));
      return true;
    });
  }
}

std::int64_t count_tokens(const std::vector<Example>& examples) {
  std::int64_t n = 0;
  for (const Example& example : examples) n += static_cast<std::int64_t>(example.ids.size());
  return n;
}

std::int64_t count_labelled(const std::vector<Example>& examples) {
  std::int64_t n = 0;
  for (const Example& example : examples) {
    for (std::size_t i = 1; i < example.trained.size(); ++i) n += example.trained[i] ? 1 : 0;
  }
  return n;
}

std::string hash_examples(const std::vector<Example>& examples) {
  Sha256 sha;
  for (const Example& example : examples) {
    const std::uint64_t length = example.ids.size();
    sha.update({reinterpret_cast<const char*>(&length), sizeof length});
    sha.update(as_bytes(example.ids.data(), example.ids.size()));
    std::string marks;
    for (const bool trained : example.trained) marks.push_back(trained ? '1' : '0');
    for (const bool asked : example.asked) marks.push_back(asked ? '1' : '0');
    sha.update(marks);
  }
  return sha.hex();
}

}  // namespace faqsmith
