// One step extends the beams of all prompts of a group by one token. A beam is a sequence of its own each time: the
// prefix tree gives it the rows that its parent computed, so that a step computes one row a beam.
#include "infer/openings.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "sys/interrupt.h"
#include "sys/parallel.h"

namespace faqsmith {
namespace {

struct NextToken {
  TokenId id = -1;
  double log_probability = 0;
};

struct Beam {
  Opening opening;
  bool greedy = false;
  Sequence sequence = {};
  std::vector<NextToken> next = {};  // the likeliest continuations
};

struct Search {
  const std::vector<TokenId>* prompt = nullptr;
  std::vector<Beam> beams = {};
};

// The n likeliest tokens of a row of logits, equal ones by id.
std::vector<NextToken> likeliest(std::span<const float> logits, std::size_t n) {
  const float max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x - max));
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  n = std::min(n, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), ids.end(), [&](TokenId a, TokenId b) {
    const float left = logits[static_cast<std::size_t>(a)], right = logits[static_cast<std::size_t>(b)];
    return left != right ? left > right : a < b;
  });
  std::vector<NextToken> out;
  for (std::size_t i = 0; i < n; ++i) {
    const auto logit = static_cast<double>(logits[static_cast<std::size_t>(ids[i])] - max);
    out.push_back({ids[i], logit - std::log(sum)});
  }
  return out;
}

class OpeningSearch {
 public:
  OpeningSearch(const OpeningsOptions& options, const Tokenizer& tokenizer, ForwardPass& forward, Scheduler& scheduler,
                int max_sequences)
      : options_(options),
        tokenizer_(tokenizer),
        forward_(forward),
        scheduler_(scheduler),
        max_sequences_(static_cast<std::size_t>(max_sequences)) {}

  [[nodiscard]] std::string obstacle(const std::vector<TokenId>& prompt) const {
    if (prompt.empty()) return "the prompt is empty";
    Sequence longest{.tokens = prompt, .n_total = prompt.size() + static_cast<std::size_t>(options_.length)};
    return scheduler_.obstacle(longest);
  }

  void run(std::vector<Search>& searches) {
    for (int step = 0; step < options_.length; ++step) {
      std::vector<Beam*> open;
      for (Search& search : searches) {
        for (Beam& beam : search.beams) {
          if (beam.opening.ended) continue;
          prepare(*search.prompt, beam);
          open.push_back(&beam);
        }
      }
      if (open.empty()) return;
      compute(open);
      for (Search& search : searches) extend(search);
    }
  }

 private:
  static void prepare(const std::vector<TokenId>& prompt, Beam& beam) {
    beam.sequence = {.tokens = prompt};
    beam.sequence.tokens.insert(beam.sequence.tokens.end(), beam.opening.tokens.begin(), beam.opening.tokens.end());
    beam.sequence.n_total = beam.sequence.tokens.size();
    beam.sequence.first_logit = beam.sequence.n_total - 1;
  }

  // Fills `next` of each; as many at once as fit.
  void compute(const std::vector<Beam*>& beams) {
    std::vector<Sequence*> running;
    for (std::size_t next = 0; next < beams.size() || !running.empty();) {
      stop_if_interrupted();
      while (next < beams.size() && running.size() < max_sequences_ && scheduler_.admit(beams[next]->sequence))
        running.push_back(&beams[next++]->sequence);
      require(!running.empty(), "an empty scheduler has room for any sequence without an obstacle");
      read_logits(scheduler_.step(running), beams);
      std::erase_if(running, [&](Sequence* sequence) {
        if (sequence->n_cached < sequence->n_total) return false;
        scheduler_.finish(*sequence, Scheduler::Pages::Keep);
        return true;
      });
    }
  }

  void read_logits(std::span<const Scheduler::LogitRow> rows, const std::vector<Beam*>& beams) {
    const auto n_max = static_cast<std::size_t>(forward_.limits().max_logit_rows);
    for (std::size_t begin = 0; begin < rows.size(); begin += n_max) {
      const std::size_t n = std::min(n_max, rows.size() - begin);
      const Out<float> logits = forward_.logits(static_cast<std::int64_t>(begin), static_cast<std::int64_t>(n));
      const auto width = static_cast<std::size_t>(logits.shape[1]);
      // Rows of the head beyond the tokenizer's vocabulary are padding.
      const auto vocabulary = std::min(width, static_cast<std::size_t>(tokenizer_.vocab_size()));
      parallel_each(static_cast<std::int64_t>(n), [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        const Sequence* const sequence = rows[begin + at].sequence;
        const auto owner =
            std::find_if(beams.begin(), beams.end(), [&](const Beam* beam) { return &beam->sequence == sequence; });
        (*owner)->next = likeliest({logits.data + at * width, vocabulary}, static_cast<std::size_t>(options_.width));
      });
    }
  }

  void extend(Search& search) const {
    std::vector<Beam> all;
    for (const Beam& beam : search.beams) {
      if (beam.opening.ended) {
        all.push_back(beam);
        continue;
      }
      for (std::size_t i = 0; i < beam.next.size(); ++i) {
        Beam longer{.opening = beam.opening, .greedy = beam.greedy && i == 0};
        longer.opening.log_probability += beam.next[i].log_probability;
        // Any control token ends the turn: a model that opens another turn is done with this one.
        longer.opening.ended = tokenizer_.is_control(beam.next[i].id);
        if (!longer.opening.ended) longer.opening.tokens.push_back(beam.next[i].id);
        all.push_back(std::move(longer));
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Beam& a, const Beam& b) {
      if (a.greedy != b.greedy) return a.greedy;
      return a.opening.log_probability > b.opening.log_probability;
    });
    if (all.size() > static_cast<std::size_t>(options_.width)) all.resize(static_cast<std::size_t>(options_.width));
    search.beams = std::move(all);
  }

  OpeningsOptions options_;
  const Tokenizer& tokenizer_;
  ForwardPass& forward_;
  Scheduler& scheduler_;
  std::size_t max_sequences_;
};

}  // namespace

std::vector<Openings> search_openings(const std::vector<std::vector<TokenId>>& prompts, const OpeningsOptions& options,
                                      const Tokenizer& tokenizer, ForwardPass& forward, Scheduler& scheduler,
                                      int max_sequences) {
  require(options.width > 0 && options.length > 0, "openings have a width and a length");
  OpeningSearch search(options, tokenizer, forward, scheduler, max_sequences);
  std::vector<Openings> out(prompts.size());
  const auto group = static_cast<std::size_t>(std::max(1, max_sequences / options.width));
  for (std::size_t begin = 0; begin < prompts.size(); begin += group) {
    std::vector<Search> searches;
    std::vector<std::size_t> owners;
    for (std::size_t i = begin; i < std::min(prompts.size(), begin + group); ++i) {
      out[i].failure = search.obstacle(prompts[i]);
      if (!out[i].failure.empty()) continue;
      searches.push_back({.prompt = &prompts[i], .beams = {Beam{.opening = {}, .greedy = true}}});
      owners.push_back(i);
    }
    search.run(searches);
    for (std::size_t i = 0; i < searches.size(); ++i)
      for (Beam& beam : searches[i].beams) out[owners[i]].list.push_back(std::move(beam.opening));
  }
  return out;
}

}  // namespace faqsmith
