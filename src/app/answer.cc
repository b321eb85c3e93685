// Generation runs in blocks so that a long batch shows progress and keeps its answers' order.
#include "app/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "base/error.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "faq/prompts.h"
#include "faq/refusal.h"
#include "faq/words.h"
#include "store/tables.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBlock = 32;  // questions generated at once

Citation make_citation(const FactRow& fact, const SectionRow& section, const std::string& file) {
  return {fact.id, file, join(section.heading_path, " > "), fact.quote, section.page};
}

}  // namespace

SourceFinder::SourceFinder(Database& db) {
  std::map<RowId, std::string> files;
  for (const auto& source : list_sources(db)) files[source.id] = source.path;
  std::map<RowId, SectionRow> sections;
  for (auto& section : list_sections(db)) sections[section.id] = std::move(section);
  const std::vector<PairRow> trained = list_pairs_in(db, "train");
  std::set<RowId> trained_facts;
  for (const auto& pair : trained) {
    if (pair.fact_id) trained_facts.insert(*pair.fact_id);
  }
  std::vector<FactRow> facts;
  for (auto& fact : list_facts(db)) {
    const auto section = sections.find(fact.section_id);
    if (!trained_facts.contains(fact.id) || section == sections.end()) continue;
    citations_[fact.id] = make_citation(fact, section->second, files[section->second.source_id]);
    facts.push_back(fact);
    facts_[fact.id] = std::move(fact);
  }
  index_.emplace(db, indexed_facts(facts, trained));
  chooser_.emplace(db, facts, trained,
                   [&](const FactRow& fact) { return join(sections.at(fact.section_id).heading_path, "\n"); });
}

const Candidate& SourceFinder::choose(std::string_view question, const std::vector<Candidate>& considered) const {
  std::vector<ConsideredAnswer> answers;
  for (const Candidate& candidate : considered)
    answers.push_back({std::string(trim(candidate.reply.text)), candidate.opening_log_probability});
  return considered[chooser_->choose(question, answers)];
}

std::optional<Citation> SourceFinder::find(std::string_view question, std::string_view answer) const {
  const auto hits = index_->search(std::string(question) + " " + std::string(answer), 1);
  if (hits.empty()) return std::nullopt;
  return citations_.at(hits.front().id);
}

double SourceFinder::support(const Citation& citation, std::string_view answer) const {
  const FactRow& fact = facts_.at(citation.fact_id);
  const std::set<std::string> said = stems_of(answer);
  const std::set<std::string> known = stems_of(fact.answer + " " + fact.quote + " " + fact.heading);
  if (said.empty()) return 0;
  const auto held =
      std::count_if(said.begin(), said.end(), [&](const std::string& word) { return known.contains(word); });
  return static_cast<double>(held) / static_cast<double>(said.size());
}

Answer judge_answer(const Question& question, const std::string& text, const SourceFinder& finder) {
  Answer out{.id = question.id, .question = question.text, .answer = text, .refused = is_refusal(text)};
  if (out.refused) return out;
  out.source = finder.find(question.text, text);
  if (out.source) out.score = finder.support(*out.source, text);
  return out;
}

namespace {

// What a block of questions got: for each its replies (one unless several were asked for), best or first drawn first.
struct BlockReplies {
  std::vector<std::vector<ChatReply>> replies;
  std::vector<std::optional<double>> confidence;
};

BlockReplies reply_to(const std::vector<Question>& questions, std::span<const ChatRequest> block, std::size_t begin,
                      ChatModel& model, const SourceFinder* finder, const AnswerOptions& options,
                      const std::function<void(std::size_t)>& on_done) {
  const std::vector<ChatRequest> requests(block.begin(), block.end());
  BlockReplies out{.replies = {}, .confidence = std::vector<std::optional<double>>(requests.size())};
  const int n_candidates = finder == nullptr ? 1 : candidates_for(model.n_parameters(), options.candidates);
  if (options.n_best) {
    out.replies = model.likeliest(requests, *options.n_best, on_done);
  } else if (options.n > 1) {
    const auto n = static_cast<std::size_t>(options.n);
    out.replies = model.replies(requests, options.n, [&](std::size_t i) {
      if (i % n == 0) on_done(i / n);
    });
  } else if (n_candidates > 1) {
    const auto considered = model.candidates(requests, n_candidates, on_done);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const Candidate& chosen = finder->choose(questions[begin + i].text, considered[i]);
      out.replies.push_back({chosen.reply});
      out.confidence[i] = chosen.confidence();
    }
  } else {
    for (ChatReply& reply : model.generate(requests, on_done)) out.replies.push_back({std::move(reply)});
  }
  return out;
}

Answer make_answer(const Question& question, std::vector<ChatReply>& replies, const SourceFinder* finder,
                   const AnswerOptions& options) {
  for (const ChatReply& reply : replies) {
    if (reply.finish != Finish::Failed) continue;
    throw Error(Kind::Input, fmt::format("the question '{}' could not be answered: {}", question.text, reply.failure),
                "shorten the question, or change what the answer must be");
  }
  const std::string text(trim(replies.front().text));
  Answer out = finder
                   ? judge_answer(question, text, *finder)
                   : Answer{.id = question.id, .question = question.text, .answer = text, .refused = is_refusal(text)};
  out.log_probability = replies.front().log_probability;
  if (options.n > 1 || options.n_best) {
    for (ChatReply& reply : replies)
      out.replies.push_back({std::string(trim(reply.text)), reply.log_probability, std::move(reply.tokens)});
  } else {
    out.tokens = std::move(replies.front().tokens);
  }
  return out;
}

}  // namespace

std::vector<Answer> answer_all(const std::vector<Question>& questions, ChatModel& model, const SourceFinder* finder,
                               const AnswerOptions& options, Reporter& reporter) {
  std::vector<Answer> answers;
  if (questions.size() > 1) reporter.begin("answer", static_cast<std::int64_t>(questions.size()), "questions");
  for (std::size_t begin = 0; begin < questions.size(); begin += kBlock) {
    stop_if_interrupted();
    const std::size_t end = std::min(questions.size(), begin + kBlock);
    std::vector<ChatRequest> requests;
    for (std::size_t i = begin; i < end; ++i) {
      requests.push_back({.messages = bot_messages(options.topic, questions[i].text),
                          .sampling = options.sampling,
                          .json_schema = options.json_schema,
                          .regex = options.regex});
    }
    std::int64_t done = static_cast<std::int64_t>(begin);
    auto block =
        reply_to(questions, requests, begin, model, finder, options, [&](std::size_t) { reporter.update(++done, ""); });
    for (std::size_t i = begin; i < end; ++i) {
      answers.push_back(make_answer(questions[i], block.replies[i - begin], finder, options));
      answers.back().confidence = block.confidence[i - begin];
    }
  }
  if (questions.size() > 1) reporter.end(fmt::format("{} answers", answers.size()));
  return answers;
}

std::vector<Question> read_questions(std::string_view jsonl, const std::string& file) {
  std::vector<Question> out;
  std::size_t number = 0;
  for (const auto line : split(jsonl, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const auto refuse = [&](const std::string& why) {
      return Error(Kind::Input, fmt::format("{} line {}: {}", file, number, why),
                   R"(write one JSON object a line: {"id": "1", "question": "How do I …?"})");
    };
    const Json row = try_parse_ordered_json(line);
    if (row.is_discarded()) throw refuse("not valid JSON");
    if (!row.is_object()) throw refuse("not a JSON object");
    const auto text = row.find("question");
    if (text == row.end() || !text->is_string() || trim(text->get<std::string>()).empty()) {
      throw refuse("there is no text in the field 'question'");
    }
    Question question{"", text->get<std::string>()};
    if (const auto id = row.find("id"); id != row.end()) {
      if (!id->is_string() && !id->is_number()) throw refuse("the field 'id' is neither text nor a number");
      question.id = json_text(*id);
    }
    out.push_back(std::move(question));
  }
  if (out.empty())
    throw Error(Kind::Input, file + " holds no question", R"(write lines like {"id": "1", "question": "How do I …?"})");
  return out;
}

namespace {

Json tokens_json(const std::vector<ReplyToken>& tokens) {
  Json out = Json::array();
  for (const ReplyToken& token : tokens) {
    out.push_back({{"token", token.bytes},
                   {"id", token.id < 0 ? Json(nullptr) : Json(token.id)},
                   {"log_probability", token.log_probability}});
  }
  return out;
}

}  // namespace

std::string answer_json(const Answer& answer, TokenDetail detail) {
  Json source = nullptr;
  if (answer.source) {
    source = {{"file", answer.source->file}, {"heading", answer.source->heading}, {"quote", answer.source->quote}};
    if (answer.source->page) source["page"] = *answer.source->page;
  }
  const Json id = answer.id.empty() ? Json(nullptr) : parse_ordered_json(answer.id);
  const Json confidence = answer.confidence ? Json(std::round(1000 * *answer.confidence) / 1000) : Json(nullptr);
  const Json likely = answer.log_probability ? Json(*answer.log_probability) : Json(nullptr);
  Json out = {
      {"id", id},         {"question", answer.question}, {"answer", answer.answer},  {"refused", answer.refused},
      {"source", source}, {"score", answer.score},       {"confidence", confidence}, {"log_probability", likely}};
  if (detail == TokenDetail::Show && answer.replies.empty()) out["tokens"] = tokens_json(answer.tokens);
  for (const AnswerReply& reply : answer.replies) {
    Json row = {{"answer", reply.text}, {"log_probability", reply.log_probability}, {"n_tokens", reply.tokens.size()}};
    if (detail == TokenDetail::Show) row["tokens"] = tokens_json(reply.tokens);
    out["replies"].push_back(std::move(row));
  }
  return json_text(out);
}

}  // namespace faqsmith
