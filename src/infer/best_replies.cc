// Two lists a prompt: beams that are open, and the best replies that ended. What ended no longer takes a beam's place.
#include "infer/best_replies.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace faqsmith {
namespace {

constexpr int kMaxReplies = 64, kMaxBeams = 1024;

struct Search {
  const std::vector<TokenId>* prompt = nullptr;
  std::vector<Beam> open = {};
  std::vector<Continuation> whole = {};  // best first, at most n
};

class ReplySearch {
 public:
  ReplySearch(const BestRepliesOptions& options, const Tokenizer& tokenizer)
      : options_(options), tokenizer_(tokenizer), width_(static_cast<std::size_t>(options.beams)) {
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) n_control_ += tokenizer.is_control(id) ? 1 : 0;
  }
  // Even if every control token is likelier, `width` others are among so many.
  [[nodiscard]] int n_next() const { return options_.beams + n_control_; }

  // The open beams, one token longer.
  void extend(Search& search) const {
    std::vector<Beam> all;
    for (const Beam& beam : search.open) {
      bool ended = false;  // the likeliest end counts: which control token ends a reply is no difference
      for (const NextToken& next : beam.next) {
        const bool end = tokenizer_.is_control(next.id);
        if (end && ended) continue;
        ended = ended || end;
        Beam longer = extended(beam, next, tokenizer_);
        if (end) {
          keep(search.whole, std::move(longer.text));
        } else {
          all.push_back(std::move(longer));
        }
      }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Beam& a, const Beam& b) { return a.text.log_probability > b.text.log_probability; });
    if (all.size() > width_) all.resize(width_);
    search.open = std::move(all);
    const auto n = static_cast<std::size_t>(options_.n);
    if (search.whole.size() == n && !search.open.empty() && bound(search.open[0]) <= score(search.whole.back()))
      search.open.clear();
  }

  [[nodiscard]] std::vector<Continuation> take(Search& search) const {
    std::vector<Continuation> list = std::move(search.whole);
    std::vector<Continuation> cut;
    for (Beam& beam : search.open) keep(cut, std::move(beam.text));
    for (Continuation& reply : cut) {
      if (list.size() < static_cast<std::size_t>(options_.n)) list.push_back(std::move(reply));
    }
    return list;
  }

 private:
  [[nodiscard]] double score(const Continuation& reply) const {
    return reply.log_probability /
           std::pow(static_cast<double>(reply.log_probabilities.size()), options_.length_penalty);
  }
  // No reply that this beam becomes has a better score: log-probabilities only fall.
  [[nodiscard]] double bound(const Beam& beam) const {
    return beam.text.log_probability / std::pow(static_cast<double>(options_.max_tokens), options_.length_penalty);
  }
  void keep(std::vector<Continuation>& list, Continuation reply) const {
    const double mine = score(reply);
    if (list.size() == static_cast<std::size_t>(options_.n) && score(list.back()) >= mine) return;
    const std::string text = tokenizer_.decode(reply.tokens);
    for (auto other = list.begin(); other != list.end(); ++other) {
      if (tokenizer_.decode(other->tokens) != text) continue;
      if (score(*other) >= mine) return;
      list.erase(other);
      break;
    }
    const auto place =
        std::find_if(list.begin(), list.end(), [&](const Continuation& other) { return score(other) < mine; });
    list.insert(place, std::move(reply));
    if (list.size() > static_cast<std::size_t>(options_.n)) list.pop_back();
  }

  BestRepliesOptions options_;
  const Tokenizer& tokenizer_;
  std::size_t width_;
  int n_control_ = 0;
};

void run(std::vector<Search>& searches, BeamSteps& steps, const ReplySearch& search, int max_tokens) {
  for (int step = 0; step < max_tokens; ++step) {
    std::vector<BeamSteps::Place> open;
    for (Search& one : searches) {
      for (Beam& beam : one.open) open.push_back({one.prompt, &beam});
    }
    if (open.empty()) return;
    steps.compute(open);
    for (Search& one : searches) search.extend(one);
  }
}

}  // namespace

void validate(const BestRepliesOptions& options) {
  const auto check = [](bool holds, const char* field, double value, const std::string& range) {
    if (!holds)
      throw Error(Kind::User, fmt::format("{} is {}, it must be {}", field, value, range), "change the setting");
  };
  check(options.n >= 1 && options.n <= kMaxReplies, "n-best", options.n, fmt::format("1 to {}", kMaxReplies));
  check(options.beams >= 0 && options.beams <= kMaxBeams, "beams", options.beams,
        fmt::format("0 (by n) to {}", kMaxBeams));
  check(options.max_tokens >= 1, "max_tokens", options.max_tokens, "at least 1");
  check(options.length_penalty >= 0 && options.length_penalty <= 2, "length_penalty", options.length_penalty, "0 to 2");
}

std::vector<BestReplies> search_best_replies(const std::vector<std::vector<TokenId>>& prompts,
                                             const BestRepliesOptions& options, const Tokenizer& tokenizer,
                                             ForwardPass& forward, Scheduler& scheduler, int max_sequences) {
  validate(options);
  BestRepliesOptions exact = options;
  if (exact.beams == 0) exact.beams = std::max(4, 2 * options.n);
  const ReplySearch search(exact, tokenizer);
  BeamSteps steps(tokenizer, forward, scheduler, max_sequences, search.n_next());
  std::vector<BestReplies> out(prompts.size());
  const auto group = static_cast<std::size_t>(std::max(1, max_sequences / exact.beams));
  for (std::size_t begin = 0; begin < prompts.size(); begin += group) {
    std::vector<Search> searches;
    std::vector<std::size_t> owners;
    for (std::size_t i = begin; i < std::min(prompts.size(), begin + group); ++i) {
      out[i].failure = steps.obstacle(prompts[i], exact.max_tokens - 1);  // the last token is never fed
      if (!out[i].failure.empty()) continue;
      searches.push_back({.prompt = &prompts[i], .open = {Beam{}}});
      owners.push_back(i);
    }
    run(searches, steps, search, exact.max_tokens);
    for (std::size_t i = 0; i < searches.size(); ++i) out[owners[i]].list = search.take(searches[i]);
  }
  return out;
}

}  // namespace faqsmith
