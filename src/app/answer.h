// One question, one answer, one source: what ask, chat and (later) the server share. The answer is always the model's
// own text; search only finds the training fact that it is nearest to, to name the source.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.h"
#include "faq/choice.h"
#include "faq/retrieval.h"
#include "llm/chat_model.h"

namespace faqsmith {

struct Citation {
  RowId fact_id = 0;
  std::string file, heading, quote;  // heading: the path, outermost first, joined by " > "
  std::optional<int> page;           // PDF only
};

struct Question {
  std::string id, text;  // id: a JSON value that comes back as it was; empty: none
};

// One of several replies to a question.
struct AnswerReply {
  std::string text = {};
  double log_probability = 0;           // natural logarithm, of the whole reply, its end included
  std::vector<ReplyToken> tokens = {};  // end of the turn included
};

struct Answer {
  std::string id = {}, question = {}, answer = {};
  bool refused = false;
  std::optional<Citation> source = std::nullopt;  // none if refused, or if no training fact shares a word
  double score = 0;  // share of the answer's words that stand in the cited fact, 0 to 1; 0 without a source
  // The model's probability of this answer's opening, 0 to 1; none if it considered no other (decisions/0006).
  std::optional<double> confidence = std::nullopt;
  std::optional<double> log_probability = std::nullopt;  // of the whole answer, as in AnswerReply; none if not asked
  std::vector<ReplyToken> tokens = {};
  std::vector<AnswerReply> replies = {};  // where several were asked for: all of them, `answer` is the first
};

struct AnswerOptions {
  std::string topic;  // for the bot's system prompt
  Sampling sampling;  // greedy by default
  // Answers that the model considers, one of which is chosen (faq/choice.h); 0: by its size. Needs greedy sampling.
  int candidates = 1;
  int n = 1;                                   // replies drawn for each question, with the seeds of seed_of_reply()
  std::optional<NBest> n_best = std::nullopt;  // the likeliest replies instead
  std::string json_schema = {}, regex = {};    // what every reply must be; empty: anything
};

// What cannot go together or is no schema or pattern, before a model is loaded. Throws Error(User).
void check(const AnswerOptions& options);
// "TEXT=BIAS" or "ID=BIAS" (digits only: an id). Throws Error(User) if the text is not one token of this vocabulary.
[[nodiscard]] std::vector<std::pair<std::int32_t, double>> parse_logit_bias(const std::vector<std::string>& entries,
                                                                            const Tokenizer& tokenizer);

// The facts that were trained, searchable. Keeps the database open for as long as it lives.
class SourceFinder {
 public:
  explicit SourceFinder(Database& db);
  // The fact nearest to question and answer together.
  [[nodiscard]] std::optional<Citation> find(std::string_view question, std::string_view answer) const;
  // Share of the answer's content words that stand in the cited fact, 0 to 1.
  [[nodiscard]] double support(const Citation& citation, std::string_view answer) const;
  // Which of the answers that a model considered the bot gives.
  [[nodiscard]] const Candidate& choose(std::string_view question, const std::vector<Candidate>& considered) const;
  [[nodiscard]] std::size_t n_facts() const { return facts_.size(); }

 private:
  std::map<RowId, FactRow> facts_;
  std::map<RowId, Citation> citations_;
  std::optional<FactIndex> index_;
  std::optional<AnswerChooser> chooser_;
};

// Attaches refusal, source and score to what a model said.
[[nodiscard]] Answer judge_answer(const Question& question, const std::string& text, const SourceFinder& finder);

// Answers all questions, in their order, as one batch. finder may be null: then no answer has a source. A failed
// request is Error(Input) naming the question.
[[nodiscard]] std::vector<Answer> answer_all(const std::vector<Question>& questions, ChatModel& model,
                                             const SourceFinder* finder, const AnswerOptions& options,
                                             Reporter& reporter);

// JSON lines: {"id": …, "question": …}; id is optional (text or number), other fields are ignored. Throws Error(Input)
// that names the file and line of anything else.
[[nodiscard]] std::vector<Question> read_questions(std::string_view jsonl, const std::string& file);
enum class TokenDetail { Leave, Show };  // Show: each token with its log-probability
[[nodiscard]] std::string answer_json(const Answer& answer, TokenDetail detail = TokenDetail::Leave);  // no line end

}  // namespace faqsmith
