// What the user asks of decoding, checked before anything is loaded.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "app/answer.h"
#include "base/error.h"
#include "infer/best_replies.h"
#include "infer/grammar.h"

namespace faqsmith {
namespace {

constexpr int kMaxReplies = 64;

template <class Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void check(const AnswerOptions& options) {
  const auto refuse = [](const std::string& what, const char* hint) { throw Error(Kind::User, what, hint); };
  if (options.n < 1 || options.n > kMaxReplies)
    refuse(fmt::format("--n is {}, it must be 1 to {}", options.n, kMaxReplies), "ask for fewer replies");
  if (!options.json_schema.empty() && !options.regex.empty())
    refuse("--schema and --regex are both given", "an answer can have one form: leave one of them out");
  if (options.n > 1 && !options.n_best && options.sampling.temperature == 0)
    refuse(fmt::format("--n {} at temperature 0 would give one answer {} times", options.n, options.n),
           "add --temperature 0.8, or ask for the likeliest ones with --n-best");
  if (options.n_best) {
    validate(BestRepliesOptions{.n = options.n_best->n, .length_penalty = options.n_best->length_penalty});
    if (options.n > 1) refuse("--n and --n-best are both given", "leave one of them out");
    if (options.sampling.temperature > 0 || options.sampling.min_p > 0 || !options.json_schema.empty() ||
        !options.regex.empty()) {
      refuse("--n-best searches the model's own probabilities: no temperature, min-p, schema, pattern or bias",
             "leave them out, or draw replies with --n");
    }
  }
  if (!options.json_schema.empty()) (void)Grammar(options.json_schema);
  if (!options.regex.empty()) (void)Grammar::of_regex(options.regex);
}

std::vector<std::pair<std::int32_t, double>> parse_logit_bias(const std::vector<std::string>& entries,
                                                              const Tokenizer& tokenizer) {
  std::vector<std::pair<std::int32_t, double>> out;
  for (const std::string& entry : entries) {
    const auto equals = entry.rfind('=');
    const auto bias = equals == std::string::npos ? std::nullopt : parse_whole<double>(entry.substr(equals + 1));
    const std::string name = entry.substr(0, equals);
    if (!bias || !std::isfinite(*bias) || name.empty()) {
      throw Error(Kind::User, fmt::format("--logit-bias {} is not TOKEN=BIAS", entry),
                  "write for example --logit-bias ' Paris=-5' or --logit-bias 7042=-5");
    }
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      const auto id = parse_whole<std::int32_t>(name);
      if (!id || *id >= tokenizer.vocab_size()) {
        throw Error(
            Kind::User,
            fmt::format("--logit-bias: there is no token {}, the last one is {}", name, tokenizer.vocab_size() - 1),
            "faqsmith inspect TEXT --ids shows the ids of a text");
      }
      out.emplace_back(*id, *bias);
      continue;
    }
    const auto ids = tokenizer.encode(name, TextPlace::Middle);
    if (ids.size() != 1) {
      std::string list;
      for (const TokenId id : ids) list += fmt::format("{}{}", list.empty() ? "" : ", ", id);
      throw Error(
          Kind::User,
          fmt::format("--logit-bias: '{}' is {} tokens of this model ({}), a bias is for one", name, ids.size(), list),
          "give one of these ids, or another text: most words have a space before them");
    }
    out.emplace_back(ids[0], *bias);
  }
  return out;
}

}  // namespace faqsmith
