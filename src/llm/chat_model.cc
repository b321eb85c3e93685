// What every chat model can do, however little it is.
#include "llm/chat_model.h"

namespace faqsmith {

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
