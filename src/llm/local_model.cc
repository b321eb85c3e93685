// Conversations to tokens and back; everything else is the engine's.
#include "llm/local_model.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

// Requests of one call often have one schema: it is compiled once. A bad one fails its requests, not the call.
class Grammars {
 public:
  std::shared_ptr<const Grammar> get(const ChatRequest& request) {
    if (!request.json_schema.empty() && !request.regex.empty())
      throw Error(Kind::User, "a JSON schema and a regular expression are both given", "give one of them");
    if (!request.json_schema.empty())
      return once(schemas_[request.json_schema], [&] { return Grammar(request.json_schema); });
    if (!request.regex.empty()) return once(patterns_[request.regex], [&] { return Grammar::of_regex(request.regex); });
    return nullptr;
  }

 private:
  using Shared = std::shared_ptr<const Grammar>;
  template <class Make>
  static Shared once(Shared& kept, Make make) {
    if (!kept) kept = std::make_shared<const Grammar>(make());
    return kept;
  }
  std::map<std::string, Shared> schemas_, patterns_;
};

GenerateJob make_job(const ChatRequest& request, const ChatTemplate& chat_template, Grammars& grammars) {
  const Sampling& sampling = request.sampling;
  GenerateJob job;
  job.prompt = chat_template.prompt(request.messages);
  job.sampling = {.temperature = sampling.temperature,
                  .top_k = sampling.top_k,
                  .top_p = sampling.top_p,
                  .min_p = sampling.min_p,
                  .repetition_penalty = sampling.repetition_penalty,
                  .seed = sampling.seed};
  for (const auto& [id, bias] : sampling.logit_bias) job.sampling.logit_bias.push_back({id, bias});
  job.max_tokens = sampling.max_tokens;
  job.stop = sampling.stop;
  job.grammar = grammars.get(request);
  return job;
}

Finish finish_of(EndedBy ended_by) {
  if (ended_by == EndedBy::Failure) return Finish::Failed;
  return ended_by == EndedBy::Limit ? Finish::Length : Finish::Stop;
}

// The search knows the model's own probabilities only. One sentence; empty if there is nothing in the way.
std::string obstacle_to_search(const ChatRequest& request) {
  if (!request.json_schema.empty() || !request.regex.empty())
    return "the likeliest replies are not searched within a JSON schema or pattern";
  if (!request.sampling.stop.empty()) return "the likeliest replies are not searched up to stop strings";
  if (!request.sampling.logit_bias.empty()) return "the likeliest replies are not searched under a logit bias";
  if (request.sampling.max_tokens < 1) return "max_tokens must be at least 1";
  return "";
}

ChatReply failed(const std::string& why) {
  return {.finish = Finish::Failed, .failure = why};
}

// For calls that go on without a request whose conversation the template refuses: no ids, and why.
std::vector<TokenId> prompt_or_nothing(const ChatTemplate& chat, const std::vector<Message>& messages,
                                       std::string& failure) {
  try {
    return chat.prompt(messages);
  } catch (const Error& e) {
    failure = e.what();
    return {};
  }
}

constexpr int kOpeningTokens = 6;  // two facts rarely begin with more words in common (docs/decisions/0006)

// ids may lack the end of the turn, which then has the last log-probability and no id.
std::vector<ReplyToken> reply_tokens(const std::vector<TokenId>& ids, const std::vector<double>& log_probabilities,
                                     const Tokenizer& tokenizer) {
  std::vector<ReplyToken> out;
  for (std::size_t i = 0; i < log_probabilities.size(); ++i) {
    out.push_back({.log_probability = log_probabilities[i]});
    if (i >= ids.size()) continue;
    out.back().id = ids[i];
    if (!tokenizer.is_control(ids[i])) out.back().bytes = tokenizer.token_bytes(ids[i]);
  }
  return out;
}

// What an opening becomes: rest is what followed it, nothing if the opening ended by itself.
ChatReply finished_reply(std::size_t n_prompt, const Continuation& opening, const GenerateResult* rest,
                         const Tokenizer& tokenizer, const ChatTemplate& chat) {
  ChatReply reply;
  std::vector<TokenId> tokens = opening.tokens;
  reply.log_probability = opening.log_probability;
  reply.n_new_tokens = static_cast<int>(opening.log_probabilities.size());
  reply.finish = opening.ended ? Finish::Stop : Finish::Length;
  reply.tokens = reply_tokens(tokens, opening.log_probabilities, tokenizer);
  if (rest) {
    reply.finish = finish_of(rest->ended_by);
    reply.failure = rest->failure;
    reply.n_new_tokens += static_cast<int>(rest->tokens.size());
    reply.log_probability += rest->log_probability;
    for (ReplyToken& token : reply_tokens(rest->tokens, rest->log_probabilities, tokenizer))
      reply.tokens.push_back(std::move(token));
    tokens.insert(tokens.end(), rest->tokens.begin(), rest->tokens.end());
    if (!tokens.empty() && tokenizer.is_control(tokens.back())) tokens.pop_back();
  }
  reply.text = chat.without_lead(repair_utf8(tokenizer.decode(tokens)));
  reply.n_prompt_tokens = static_cast<int>(n_prompt);
  return reply;
}

ChatReply make_reply(const GenerateJob& job, GenerateResult result, const Tokenizer& tokenizer,
                     const ChatTemplate& chat) {
  ChatReply reply;
  reply.text = chat.without_lead(result.text);
  reply.finish = finish_of(result.ended_by);
  reply.failure = std::move(result.failure);
  reply.n_prompt_tokens = static_cast<int>(job.prompt.size());
  reply.n_new_tokens = static_cast<int>(result.tokens.size());
  reply.log_probability = result.log_probability;
  reply.tokens = reply_tokens(result.tokens, result.log_probabilities, tokenizer);
  return reply;
}

}  // namespace

LocalModel::LocalModel(Weights weights, TokenizerSpec tokenizer, std::string id, const Cpu& cpu,
                       const EngineOptions& options)
    : id_(std::move(id)),
      tokenizer_(std::make_unique<Tokenizer>(std::move(tokenizer))),
      template_(std::make_unique<ChatTemplate>(*tokenizer_)),
      engine_(std::make_unique<Engine>(cpu, std::move(weights), *tokenizer_, template_->end_of_turn(), options)) {}
LocalModel::~LocalModel() = default;

std::vector<ChatReply> LocalModel::generate(const std::vector<ChatRequest>& requests,
                                            const std::function<void(std::size_t)>& on_done) {
  std::vector<ChatReply> replies(requests.size());
  std::vector<GenerateJob> jobs;
  std::vector<std::size_t> request_of;  // by job
  Grammars grammars;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    try {
      jobs.push_back(make_job(requests[i], *template_, grammars));
      request_of.push_back(i);
    } catch (const Error& e) {
      replies[i] = failed(e.what());
      if (on_done) on_done(i);
    }
  }
  GenerateCallbacks callbacks;
  if (on_done) callbacks.on_done = [&](std::size_t job) { on_done(request_of[job]); };
  auto results = engine_->generate(jobs, callbacks);
  for (std::size_t j = 0; j < jobs.size(); ++j)
    replies[request_of[j]] = make_reply(jobs[j], std::move(results[j]), *tokenizer_, *template_);
  return replies;
}

std::vector<std::vector<Candidate>> LocalModel::candidates(const std::vector<ChatRequest>& requests, int n,
                                                           const std::function<void(std::size_t)>& on_done) {
  if (n <= 1) return ChatModel::candidates(requests, n, on_done);
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::string> failures(requests.size());
  OpeningsOptions wanted{.width = n, .length = kOpeningTokens};
  for (const ChatRequest& request : requests) {
    prompts.push_back(prompt_or_nothing(*template_, request.messages, failures[prompts.size()]));
    wanted.length = std::max(1, std::min(wanted.length, request.sampling.max_tokens));
  }
  // One request is a turn of a conversation, whose earlier turns may still be in the cache.
  const auto prefixes = requests.size() == 1 ? Engine::Prefixes::Kept : Engine::Prefixes::Fresh;
  const std::vector<Openings> openings = engine_->openings(prompts, wanted, prefixes);
  std::vector<std::vector<Candidate>> out(requests.size());
  std::vector<GenerateJob> jobs;
  struct Place {
    std::size_t request, candidate;
  };
  std::vector<Place> places;                          // by job
  std::vector<std::size_t> left(requests.size(), 0);  // jobs that each request waits for
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (failures[i].empty()) failures[i] = openings[i].failure;
    if (!failures[i].empty()) out[i].push_back({failed(failures[i]), 0});
    for (const Continuation& opening : openings[i].list) {
      const int room = requests[i].sampling.max_tokens - static_cast<int>(opening.tokens.size());
      out[i].push_back(
          {finished_reply(prompts[i].size(), opening, nullptr, *tokenizer_, *template_), opening.log_probability});
      if (opening.ended || room <= 0) continue;
      GenerateJob job{.prompt = prompts[i], .max_tokens = room};
      job.prompt.insert(job.prompt.end(), opening.tokens.begin(), opening.tokens.end());
      job.n_opening = opening.tokens.size();
      jobs.push_back(std::move(job));
      places.push_back({i, out[i].size() - 1});
      ++left[i];
    }
    if (left[i] == 0 && on_done) on_done(i);
  }
  GenerateCallbacks callbacks;
  callbacks.on_done = [&](std::size_t job) {
    if (--left[places[job].request] == 0 && on_done) on_done(places[job].request);
  };
  const auto results = engine_->generate(jobs, callbacks, Engine::Prefixes::Kept);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto [i, k] = places[j];
    out[i][k].reply = finished_reply(prompts[i].size(), openings[i].list[k], &results[j], *tokenizer_, *template_);
  }
  return out;
}

std::vector<std::vector<ChatReply>> LocalModel::likeliest(const std::vector<ChatRequest>& requests,
                                                          const NBest& options,
                                                          const std::function<void(std::size_t)>& on_done) {
  std::vector<std::vector<ChatReply>> out(requests.size());
  std::map<int, std::vector<std::size_t>> by_length;  // requests of one call mostly share their max_tokens
  std::vector<std::vector<TokenId>> prompts(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const ChatRequest& request = requests[i];
    std::string failure = obstacle_to_search(request);
    if (failure.empty()) prompts[i] = prompt_or_nothing(*template_, request.messages, failure);
    if (failure.empty()) {
      by_length[request.sampling.max_tokens].push_back(i);
      continue;
    }
    out[i].push_back(failed(failure));
    if (on_done) on_done(i);
  }
  for (const auto& [max_tokens, members] : by_length) {
    std::vector<std::vector<TokenId>> group;
    for (const std::size_t i : members) group.push_back(prompts[i]);
    const auto found = engine_->best_replies(
        group, {.n = options.n, .max_tokens = max_tokens, .length_penalty = options.length_penalty});
    for (std::size_t k = 0; k < members.size(); ++k) {
      std::vector<ChatReply>& replies = out[members[k]];
      if (!found[k].failure.empty()) replies.push_back(failed(found[k].failure));
      for (const Continuation& reply : found[k].list)
        replies.push_back(finished_reply(group[k].size(), reply, nullptr, *tokenizer_, *template_));
      if (on_done) on_done(members[k]);
    }
  }
  return out;
}

ChatReply LocalModel::stream(const ChatRequest& request, const std::function<bool(std::string_view)>& on_text) {
  Grammars grammars;
  std::vector<GenerateJob> jobs;
  try {
    jobs.push_back(make_job(request, *template_, grammars));
  } catch (const Error& e) {
    return failed(e.what());
  }
  GenerateCallbacks callbacks;
  bool begins = true;
  if (on_text) {
    callbacks.on_text = [&](std::size_t, std::string_view piece) {
      const std::string shown = std::exchange(begins, false) ? template_->without_lead(piece) : std::string(piece);
      return shown.empty() || on_text(shown);
    };
  }
  auto results = engine_->generate(jobs, callbacks, Engine::Prefixes::Kept);
  return make_reply(jobs[0], std::move(results[0]), *tokenizer_, *template_);
}

std::vector<Score> LocalModel::score(const std::vector<ScoreRequest>& requests) {
  std::vector<ScoreJob> jobs;
  std::vector<Score> scores(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    jobs.push_back({.prompt = prompt_or_nothing(*template_, requests[i].messages, scores[i].failure),
                    .continuation = template_->answer(requests[i].continuation)});
  }
  const auto results = engine_->score(jobs);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (scores[i].failure.empty()) scores[i].failure = results[i].failure;
    if (!scores[i].failure.empty()) continue;
    scores[i].log_probability = results[i].log_probability;
    scores[i].n_tokens = static_cast<int>(jobs[i].continuation.size());
  }
  return scores;
}

int LocalModel::count_tokens(std::string_view text) const {
  return static_cast<int>(tokenizer_->encode(text).size());
}
int LocalModel::max_context_tokens() const {
  return engine_->max_context_tokens();
}
std::int64_t LocalModel::n_parameters() const {
  return engine_->config().n_parameters();
}

std::string model_id(const std::string& name, const std::string& sha256) {
  return name + "@" + sha256.substr(0, 12);
}

std::unique_ptr<LocalModel> load_local_model(const fs::path& path, const Cpu& cpu, const EngineOptions& options) {
  ModelFile file = load_model(path, HashFile::Yes, Residency::AsStored);
  const std::string id = model_id(file.name, file.sha256);
  return std::make_unique<LocalModel>(std::move(file.weights), std::move(file.tokenizer), id, cpu, options);
}

}  // namespace faqsmith
