// One interface to "a chat model", whatever stands behind it: the stages know nothing of weights, caches or batches.
// Local models run in this process (llm/local_model.h).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/chat_template.h"

namespace faqsmith {

struct Sampling {
  double temperature = 0.0;  // 0 = greedy
  int top_k = 0;             // 0 = off
  double top_p = 1.0;        // 1 = off
  double min_p = 0.0;        // 0 = off
  double repetition_penalty = 1.0;
  int max_tokens = 128;
  std::uint64_t seed = 0;
  std::vector<std::string> stop = {};  // generation ends before the first of these
  // Token id and what is added to its logit, -100 to 100; at most one a token.
  std::vector<std::pair<std::int32_t, double>> logit_bias = {};
};

// The seed of reply i of several: the first is the reply that n = 1 gives, the others are streams of their own.
[[nodiscard]] std::uint64_t seed_of_reply(std::uint64_t seed, int i);

struct ChatRequest {
  std::vector<Message> messages = {};
  Sampling sampling = {};
  std::string json_schema = {};  // if not empty, the reply is JSON that this schema accepts
  std::string regex = {};        // if not empty, the whole reply matches it; not beside a schema
};

// One token of a reply.
struct ReplyToken {
  std::int32_t id = -1;
  std::string bytes = {};  // what it stands for; may be a part of a character, empty for the end of the turn
  double log_probability = 0;
};

enum class Finish { Stop, Length, Failed };

struct ChatReply {
  std::string text = {};
  Finish finish = Finish::Stop;
  std::string failure = {};  // why, if Failed: the caller journals it
  int n_prompt_tokens = 0;
  int n_new_tokens = 0;
  double log_probability = 0;           // sum over the new tokens, natural logarithm, end-of-turn included
  std::vector<ReplyToken> tokens = {};  // the new tokens, where the model tells them; end-of-turn included
};

// Log-probability of a given continuation.
struct ScoreRequest {
  std::vector<Message> messages = {};  // up to and including the user's turn
  std::string continuation = {};       // the assistant's answer; its end-of-turn token is scored too
};
struct Score {
  double log_probability = 0;  // sum, natural logarithm
  int n_tokens = 0;            // scored tokens, the end-of-turn token included
  std::string failure = {};    // why there is no score; empty if there is one
};

// One of the answers that a model considered.
struct Candidate {
  ChatReply reply = {};
  double opening_log_probability = 0;  // of its first words, where the model decides what to say; natural logarithm
  [[nodiscard]] double confidence() const { return std::min(1.0, std::exp(opening_log_probability)); }
};

// n likeliest whole replies: ranked by log-probability / tokens^length_penalty; 0 = the whole reply's probability,
// which favours short replies, 1 = the mean of a token.
struct NBest {
  int n = 4;
  double length_penalty = 0;
};

class ChatModel {
 public:
  virtual ~ChatModel() = default;
  // Replies in the order of the requests; each depends only on its own request. on_done(i) is called as each request
  // finishes, in any order, from the calling thread.
  [[nodiscard]] virtual std::vector<ChatReply> generate(const std::vector<ChatRequest>& requests,
                                                        const std::function<void(std::size_t done)>& on_done = {}) = 0;
  // For each request up to n different answers: the greedy one first, then the likeliest other openings, each finished
  // greedily. Of the sampling only max_tokens counts. n = 1, and a model that cannot look ahead, give the greedy one
  // alone. A failed request has one candidate, which says why.
  [[nodiscard]] virtual std::vector<std::vector<Candidate>> candidates(
      const std::vector<ChatRequest>& requests, int n, const std::function<void(std::size_t done)>& on_done = {});
  // n replies to each request, drawn with the seeds seed_of_reply(seed, 0 … n - 1); a prompt is computed once. on_done
  // counts single replies: request r's reply i is r * n + i.
  [[nodiscard]] std::vector<std::vector<ChatReply>> replies(const std::vector<ChatRequest>& requests, int n,
                                                            const std::function<void(std::size_t done)>& on_done = {});
  // For each request its n likeliest whole replies, best first, found by beam search; no two with the same text. Of the
  // sampling only max_tokens counts; a request with a grammar, stop strings or a bias fails. A model that cannot search
  // gives the greedy reply alone. A failed request has one reply, which says why.
  [[nodiscard]] virtual std::vector<std::vector<ChatReply>> likeliest(
      const std::vector<ChatRequest>& requests, const NBest& options,
      const std::function<void(std::size_t done)>& on_done = {});
  // One request; on_text receives pieces of whole UTF-8 characters as they appear; returning false stops generation.
  [[nodiscard]] virtual ChatReply stream(const ChatRequest& request,
                                         const std::function<bool(std::string_view)>& on_text) = 0;
  [[nodiscard]] virtual std::vector<Score> score(const std::vector<ScoreRequest>& requests) = 0;
  [[nodiscard]] virtual int count_tokens(std::string_view text) const = 0;
  [[nodiscard]] virtual int max_context_tokens() const = 0;
  [[nodiscard]] virtual std::int64_t n_parameters() const = 0;
  [[nodiscard]] virtual std::string id() const = 0;  // name and hash: part of every stage key
};

// How many answers a bot on this model considers where the user asks for `wanted`; 0 = by size: eight below 0.5B
// parameters, where the model often hesitates and eight cost little more than one, else one, which streams.
[[nodiscard]] int candidates_for(std::int64_t n_parameters, int wanted);

}  // namespace faqsmith
