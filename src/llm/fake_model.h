// A chat model for tests: replies and scores come from functions that the test gives. No weights, no files, and every
// request is recorded. Not for use outside tests.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "llm/chat_model.h"

namespace faqsmith {

class FakeChatModel final : public ChatModel {
 public:
  using Reply = std::function<std::string(const ChatRequest&)>;  // may throw Error: the request fails with its text
  using ScoreOf = std::function<Score(const ScoreRequest&)>;

  explicit FakeChatModel(Reply reply, ScoreOf score_of = {}, std::string id = "fake")
      : reply_(std::move(reply)), score_of_(std::move(score_of)), id_(std::move(id)) {}

  std::vector<ChatReply> generate(const std::vector<ChatRequest>& requests,
                                  const std::function<void(std::size_t)>& on_done = {}) override {
    std::vector<ChatReply> replies;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      replies.push_back(answer(requests[i]));
      if (on_done) on_done(i);
    }
    return replies;
  }

  ChatReply stream(const ChatRequest& request, const std::function<bool(std::string_view)>& on_text) override {
    ChatReply reply = answer(request);
    if (on_text && !reply.text.empty() && !on_text(reply.text)) reply.finish = Finish::Stop;
    return reply;
  }

  // Without a score function: -1 for each word of the continuation and for its end.
  std::vector<Score> score(const std::vector<ScoreRequest>& requests) override {
    std::vector<Score> scores;
    for (const auto& request : requests) {
      seen_scores.push_back(request);
      const int n = count_tokens(request.continuation) + 1;
      scores.push_back(score_of_ ? score_of_(request) : Score{.log_probability = -1.0 * n, .n_tokens = n});
    }
    return scores;
  }

  // With `considers` set by the test: its texts, the first one greedy, each -1 less likely than the one before.
  std::vector<std::vector<Candidate>> candidates(const std::vector<ChatRequest>& requests, int n,
                                                 const std::function<void(std::size_t)>& on_done = {}) override {
    if (!considers || n <= 1) return ChatModel::candidates(requests, n, on_done);
    std::vector<std::vector<Candidate>> out;
    for (const ChatRequest& request : requests) {
      seen.push_back(request);
      std::vector<Candidate>& list = out.emplace_back();
      for (const std::string& text : considers(request))
        list.push_back({{.text = text}, -1.0 - static_cast<double>(list.size())});
      if (on_done) on_done(out.size() - 1);
    }
    return out;
  }
  std::function<std::vector<std::string>(const ChatRequest&)> considers;

  // One token a word (ASCII white space).
  int count_tokens(std::string_view text) const override {
    int n = 0;
    bool in_word = false;
    for (char c : text) {
      const bool space = c == ' ' || (c >= '\t' && c <= '\r');
      n += !space && !in_word ? 1 : 0;
      in_word = !space;
    }
    return n;
  }
  int max_context_tokens() const override { return 2048; }
  std::int64_t n_parameters() const override { return 1000; }
  std::string id() const override { return id_; }

  std::vector<ChatRequest> seen;          // every generate() and stream() request, in order
  std::vector<ScoreRequest> seen_scores;  // every score() request, in order

 private:
  ChatReply answer(const ChatRequest& request) {
    seen.push_back(request);
    ChatReply reply;
    for (const auto& message : request.messages) reply.n_prompt_tokens += count_tokens(message.text);
    try {
      reply.text = reply_(request);
    } catch (const Error& e) {
      reply.finish = Finish::Failed;
      reply.failure = e.what();
      return reply;
    }
    reply.n_new_tokens = count_tokens(reply.text) + 1;
    reply.log_probability = -1.0 * reply.n_new_tokens;
    return reply;
  }

  Reply reply_;
  ScoreOf score_of_;
  std::string id_;
};

}  // namespace faqsmith
