// One step extends the beams of all prompts of a group by one token.
#include "infer/openings.h"

#include <algorithm>

#include "base/error.h"

namespace faqsmith {
namespace {

struct Search {
  const std::vector<TokenId>* prompt = nullptr;
  std::vector<Beam> beams = {};
};

// Ended beams stay and compete with the open ones.
void extend(Search& search, const OpeningsOptions& options, const Tokenizer& tokenizer) {
  std::vector<Beam> all;
  for (const Beam& beam : search.beams) {
    if (beam.text.ended) {
      all.push_back(beam);
      continue;
    }
    for (std::size_t i = 0; i < beam.next.size(); ++i) {
      all.push_back(extended(beam, beam.next[i], tokenizer));
      all.back().greedy = beam.greedy && i == 0;
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Beam& a, const Beam& b) {
    if (a.greedy != b.greedy) return a.greedy;
    return a.text.log_probability > b.text.log_probability;
  });
  if (all.size() > static_cast<std::size_t>(options.width)) all.resize(static_cast<std::size_t>(options.width));
  search.beams = std::move(all);
}

void run(std::vector<Search>& searches, BeamSteps& steps, const OpeningsOptions& options, const Tokenizer& tokenizer) {
  for (int step = 0; step < options.length; ++step) {
    std::vector<BeamSteps::Place> open;
    for (Search& search : searches) {
      for (Beam& beam : search.beams) {
        if (!beam.text.ended) open.push_back({search.prompt, &beam});
      }
    }
    if (open.empty()) return;
    steps.compute(open);
    for (Search& search : searches) extend(search, options, tokenizer);
  }
}

}  // namespace

std::vector<Openings> search_openings(const std::vector<std::vector<TokenId>>& prompts, const OpeningsOptions& options,
                                      const Tokenizer& tokenizer, ForwardPass& forward, Scheduler& scheduler,
                                      int max_sequences) {
  require(options.width > 0 && options.length > 0, "openings have a width and a length");
  BeamSteps steps(tokenizer, forward, scheduler, max_sequences, options.width);
  std::vector<Openings> out(prompts.size());
  const auto group = static_cast<std::size_t>(std::max(1, max_sequences / options.width));
  for (std::size_t begin = 0; begin < prompts.size(); begin += group) {
    std::vector<Search> searches;
    std::vector<std::size_t> owners;
    for (std::size_t i = begin; i < std::min(prompts.size(), begin + group); ++i) {
      out[i].failure = steps.obstacle(prompts[i], options.length);
      if (!out[i].failure.empty()) continue;
      searches.push_back({.prompt = &prompts[i], .beams = {Beam{.text = {}, .greedy = true}}});
      owners.push_back(i);
    }
    run(searches, steps, options, tokenizer);
    for (std::size_t i = 0; i < searches.size(); ++i)
      for (Beam& beam : searches[i].beams) out[owners[i]].list.push_back(std::move(beam.text));
  }
  return out;
}

}  // namespace faqsmith
