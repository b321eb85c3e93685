// What every chat model can do, however little it is.
#include "llm/chat_model.h"

#include "base/rng.h"

namespace faqsmith {

std::uint64_t seed_of_reply(std::uint64_t seed, int i) {
  return i == 0 ? seed : mix_seed(seed, static_cast<std::uint64_t>(i));
}

std::vector<std::vector<ChatReply>> ChatModel::replies(const std::vector<ChatRequest>& requests, int n,
                                                       const std::function<void(std::size_t done)>& on_done) {
  std::vector<ChatRequest> all;
  for (const ChatRequest& request : requests) {
    for (int i = 0; i < n; ++i) {
      all.push_back(request);
      all.back().sampling.seed = seed_of_reply(request.sampling.seed, i);
    }
  }
  std::vector<ChatReply> flat = generate(all, on_done);
  std::vector<std::vector<ChatReply>> out(requests.size());
  for (std::size_t k = 0; k < flat.size(); ++k) out[k / static_cast<std::size_t>(n)].push_back(std::move(flat[k]));
  return out;
}

std::vector<std::vector<ChatReply>> ChatModel::likeliest(const std::vector<ChatRequest>& requests, const NBest&,
                                                         const std::function<void(std::size_t done)>& on_done) {
  std::vector<std::vector<ChatReply>> out;
  for (std::vector<Candidate>& list : candidates(requests, 1, on_done)) out.push_back({std::move(list[0].reply)});
  return out;
}

std::vector<std::vector<Candidate>> ChatModel::candidates(const std::vector<ChatRequest>& requests, int,
                                                          const std::function<void(std::size_t done)>& on_done) {
  std::vector<ChatRequest> greedy;
  for (const ChatRequest& request : requests)
    greedy.push_back({.messages = request.messages, .sampling = {.max_tokens = request.sampling.max_tokens}});
  std::vector<std::vector<Candidate>> out;
  for (ChatReply& reply : generate(greedy, on_done)) {
    const double log_probability = reply.log_probability;
    out.push_back({{std::move(reply), log_probability}});
  }
  return out;
}

int candidates_for(std::int64_t n_parameters, int wanted) {
  constexpr std::int64_t kSmall = 500'000'000;
  constexpr int kConsidered = 8;
  if (wanted > 0) return wanted;
  return n_parameters < kSmall ? kConsidered : 1;
}

}  // namespace faqsmith
