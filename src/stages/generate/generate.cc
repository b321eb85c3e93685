// The stage's list of steps: plan facts, store them with their own wordings, ask the teacher in batches, add refusals.
#include "stages/generate/generate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/rng.h"
#include "base/strings.h"
#include "faq/pair_key.h"
#include "faq/question_forms.h"
#include "faq/refusal.h"
#include "faq/retrieval.h"
#include "faq/rewording.h"
#include "faq/statement_questions.h"
#include "faq/unanswerable.h"
#include "stages/generate/plan.h"
#include "stages/generate/wordings.h"
#include "store/tables.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

constexpr int kSemantics = 3;
// A question made of a statement is stiff already; many rewordings of it read worse than few.
constexpr std::size_t kRuleWordingsOfStatements = 3;

std::string options_json(const GenerateOptions& options, const ChatModel& teacher) {
  nlohmann::ordered_json json;
  json["teacher"] = teacher.id();
  json["topic"] = options.topic;
  json["example_questions"] = options.example_questions;
  json["samples_per_fact"] = options.samples_per_fact;
  json["rule_wordings"] = options.rule_wordings;
  json["temperature"] = options.temperature;
  json["top_p"] = options.top_p;
  json["question_max_tokens"] = options.question_max_tokens;
  json["answer_max_tokens"] = options.answer_max_tokens;
  json["more_facts"] = options.more_facts;
  json["tokens_per_fact"] = options.tokens_per_fact;
  json["max_facts"] = options.max_facts;
  json["unanswerable"] = options.unanswerable;
  json["facts_per_batch"] = options.facts_per_batch;
  return json_text(json);
}

std::string input_hash(const std::vector<SectionRow>& sections) {
  Sha256 hash;
  for (const SectionRow& section : sections) hash.update(section.hash + "\n");
  return hash.hex();
}

void put_pair(Database& db, const FactRow& fact, std::string_view question, std::string_view form,
              std::optional<RowId> request = std::nullopt) {
  PairRow pair;
  pair.fact_id = fact.id;
  pair.request_id = request;
  pair.key = pair_key(fact.key, form, question);
  pair.question = question;
  pair.answer = fact.answer;
  pair.form = form;
  add_pair(db, pair);
}

struct RuleWording {
  std::string form, question;
};

// Everything that can be asked about a fact without a teacher.
// opens: it is its section's first fact, which is what the heading as a search asks for.
std::vector<RuleWording> rule_wordings_of(const FoundFact& found, const SectionRow& section, bool opens,
                                          const GenerateOptions& options) {
  std::vector<RuleWording> wordings;
  auto most = static_cast<std::size_t>(std::max(0, options.rule_wordings));
  const std::uint64_t seed = mix_seed(options.seed, hash64(found.fact.key));
  std::vector<std::string> bases;
  if (found.question.empty()) {
    if (opens)
      for (const FormedQuestion& form : heading_forms(section.heading_path))
        wordings.push_back({form.form, form.question});
    const std::string search = search_words(found.fact.heading, found.fact.answer);
    if (!search.empty()) wordings.push_back({"keywords", search});
    bases = statement_questions(found.fact.answer);
    most = std::min<std::size_t>(most, kRuleWordingsOfStatements);
    for (const std::string& question : bases) wordings.push_back({"derived", question});
  } else {
    for (const FormedQuestion& form : question_forms(found.question)) wordings.push_back({form.form, form.question});
    bases = {found.question};
  }
  for (const std::string& base : bases)
    for (std::string& text : rule_rewordings(base, most / bases.size(), seed))
      wordings.push_back({"rule", std::move(text)});
  return wordings;
}

// Facts, their original questions and the wordings by rule: cheap and without a model, so one transaction holds them
// all.
std::vector<std::vector<FactToWord>> store_facts(Database& db, const std::vector<SectionFacts>& planned,
                                                 const GenerateOptions& options, StageReport& report) {
  std::vector<std::vector<FactToWord>> by_source;
  RowId source = -1;
  db.transaction([&] {
    for (const SectionFacts& entry : planned) {
      if (entry.section.source_id != source) by_source.emplace_back();
      source = entry.section.source_id;
      for (const FoundFact& found : entry.facts) {
        FactRow fact = found.fact;
        fact.id = add_fact(db, fact);
        const bool harvested = !found.question.empty();
        if (harvested) put_pair(db, fact, found.question, "original");
        const std::vector<RuleWording> wordings =
            rule_wordings_of(found, entry.section, &found == &entry.facts.front(), options);
        for (const RuleWording& wording : wordings) put_pair(db, fact, wording.question, wording.form);
        by_source.back().push_back({fact, found.question});
        report.counts[harvested ? "harvested" : "quoted"] += 1;
        report.counts["forms"] += static_cast<double>(wordings.size());
        report.counts["facts"] += 1;
      }
    }
  });
  return by_source;
}

std::string batch_key(const WordingBatch& batch, const GenerateOptions& options, const ChatModel& teacher) {
  Sha256 hash;
  // Options that change neither the prompts nor the sampling must not change the key: work would be thrown away.
  hash.update(fmt::format("wording {} {} {} {} {} {} {} {}\n", kSemantics, options.seed, teacher.id(), options.topic,
                          options.samples_per_fact, options.temperature, options.top_p, options.question_max_tokens));
  for (const std::string& example : options.example_questions) hash.update(example + "\n");
  for (const Shot& shot : batch.voice.reword_shots) hash.update(shot.given + "\x1f" + shot.wanted + "\n");
  for (const FactToWord& fact : batch.facts) hash.update(fact.fact.key + "\n");
  return hash.hex();
}

std::string prompt_hash(const ChatRequest& request) {
  std::string all;
  for (const Message& message : request.messages) all += message.text + "\x1f";
  return fmt::format("{:016x}", hash64(all));
}

RequestRow journal_row(const WordingRequest& request, const ChatReply& reply, const ReadReply& read,
                       const FactRow& fact) {
  RequestRow row;
  row.section_id = fact.section_id;
  row.fact_id = fact.id;
  row.kind = "wording";
  row.prompt_hash = prompt_hash(request.chat);
  row.seed = fmt::format("{}", request.chat.sampling.seed);
  row.reply = reply.text;
  row.outcome = read.outcome;
  row.reason = read.reason;
  row.n_prompt_tokens = reply.n_prompt_tokens;
  row.n_new_tokens = reply.n_new_tokens;
  return row;
}

// Asks for one batch and stores all of it or nothing.
void run_batch(Database& db, const WordingBatch& batch, const std::string& key, const GenerateOptions& options,
               ChatModel& teacher, const std::function<void(std::size_t)>& on_done) {
  const bool constrained = teacher.n_parameters() >= kJsonTeacherParameters;
  const std::vector<WordingRequest> requests = wording_requests(batch, options, constrained);
  std::vector<ChatRequest> chats;
  chats.reserve(requests.size());
  for (const WordingRequest& request : requests) chats.push_back(request.chat);
  const std::vector<ChatReply> replies = teacher.generate(chats, on_done);
  require(replies.size() == requests.size(), "a chat model answers every request");
  db.transaction([&] {
    std::set<std::string> seen;  // fact and question
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const FactToWord& fact = batch.facts[requests[i].fact];
      ReadReply read = read_reply(replies[i], fact, constrained);
      if (read.outcome == "kept" && !seen.insert(fact.fact.key + lower_ascii(read.question)).second)
        read = {read.question, "rejected", "same words as another reply"};
      RequestRow row = journal_row(requests[i], replies[i], read, fact.fact);
      row.batch = key;
      row.ordinal = static_cast<std::int64_t>(i);
      const RowId id = add_request(db, row);
      if (read.outcome == "kept") put_pair(db, fact.fact, read.question, requests[i].form, id);
    }
  });
}

// Facts of one source, a few at a time. The few-shot turns are those of the source, so a batch depends on nothing else.
std::vector<WordingBatch> batches_of(const std::vector<std::vector<FactToWord>>& by_source,
                                     const GenerateOptions& options) {
  std::vector<WordingBatch> batches;
  const auto size = static_cast<std::size_t>(std::max(1, options.facts_per_batch));
  for (const auto& facts : by_source) {
    TeacherVoice voice{options.topic, options.example_questions, {}, {}};
    std::vector<Shot> own;
    for (const FactToWord& fact : facts)
      if (!fact.question.empty()) own.push_back({fact.question, fact.fact.answer});
    add_own_shots(voice, own);
    for (std::size_t begin = 0; begin < facts.size(); begin += size) {
      const std::size_t end = std::min(facts.size(), begin + size);
      batches.push_back(
          {{facts.begin() + static_cast<std::ptrdiff_t>(begin), facts.begin() + static_cast<std::ptrdiff_t>(end)},
           voice});
    }
  }
  return batches;
}

void ask_teacher(Database& db, const std::vector<std::vector<FactToWord>>& by_source, const GenerateOptions& options,
                 ChatModel& teacher, Reporter& reporter) {
  if (options.samples_per_fact <= 0) return;
  const auto batches = batches_of(by_source, options);
  std::int64_t total = 0, done = 0;
  for (const auto& batch : batches) total += static_cast<std::int64_t>(batch.facts.size()) * options.samples_per_fact;
  reporter.begin("write wordings", total, "requests");
  for (const auto& batch : batches) {
    stop_if_interrupted();
    const std::int64_t size = static_cast<std::int64_t>(batch.facts.size()) * options.samples_per_fact;
    const std::string key = batch_key(batch, options, teacher);
    if (!batch_done(db, key)) {
      std::int64_t in_batch = 0;
      run_batch(db, batch, key, options, teacher, [&](std::size_t) {
        reporter.update(done + ++in_batch, "");
        stop_if_interrupted();
      });
    }
    done += size;
    reporter.update(done, "");
  }
  reporter.end(fmt::format("{} requests for wordings", human_count(static_cast<double>(total))));
}

void add_unanswerable(Database& db, const GenerateOptions& options, StageReport& report) {
  if (options.unanswerable <= 0) return;
  const std::vector<FactRow> facts = list_facts(db);
  const FactIndex index(db, indexed_facts(facts));
  const auto questions =
      unanswerable_questions(static_cast<std::size_t>(options.unanswerable), options.seed, facts, index);
  db.transaction([&] {
    for (const std::string& question : questions) {
      PairRow pair;
      pair.key = pair_key("", "unanswerable", question);
      pair.question = question;
      pair.answer = kRefusal;
      pair.form = "unanswerable";
      add_pair(db, pair);
    }
  });
  report.counts["unanswerable"] = static_cast<double>(questions.size());
}

void count_requests(Database& db, StageReport& report) {
  for (const char* outcome : {"kept", "rejected", "failed"}) report.counts[outcome] = 0;
  double asked = 0;
  for (const auto& [outcome, n] : count_requests_by_outcome(db)) {
    report.counts[outcome] = static_cast<double>(n);
    asked += static_cast<double>(n);
  }
  report.counts["asked"] = asked;
}

}  // namespace

GenerateForecast forecast_generate(Workspace& workspace, const GenerateOptions& options, const ChatModel& teacher) {
  const FactPlan plan = plan_facts(list_sections(workspace.db()), options, teacher);
  std::vector<std::vector<FactToWord>> by_source;
  GenerateForecast forecast;
  RowId source = -1;
  for (const SectionFacts& entry : plan.sections) {
    if (entry.section.source_id != source) by_source.emplace_back();
    source = entry.section.source_id;
    for (const FoundFact& found : entry.facts) {
      by_source.back().push_back({found.fact, found.question});
      ++forecast.n_facts;
      forecast.n_answer_tokens += teacher.count_tokens(found.fact.answer);
      forecast.n_harvested += found.question.empty() ? 0 : 1;
    }
  }
  const bool constrained = teacher.n_parameters() >= kJsonTeacherParameters;
  for (const WordingBatch& batch : batches_of(by_source, options)) {
    const std::vector<WordingRequest> requests = wording_requests(batch, options, constrained);
    forecast.n_requests += static_cast<std::int64_t>(requests.size());
    // Bytes over four is near enough for a forecast; counting every prompt exactly would cost seconds.
    forecast.n_prompt_tokens += static_cast<std::int64_t>(fresh_prompt_bytes(requests) / 4);
  }
  forecast.n_new_tokens = forecast.n_requests * 22;  // measured mean length of a small teacher's question
  return forecast;
}

StageReport generate(Workspace& workspace, const GenerateOptions& options, ChatModel& teacher, Reporter& reporter) {
  Database& db = workspace.db();
  const std::vector<SectionRow> sections = list_sections(db);
  if (sections.empty())
    throw Error(Kind::Input, "there is no text to write questions about",
                "run collect on a folder with documents first");
  const StageIdentity identity{.stage = "generate",
                               .semantics = kSemantics,
                               .options_json = options_json(options, teacher),
                               .input_hash = input_hash(sections),
                               .seed = options.seed};
  return run_stage(workspace, identity, [&](StageReport& report) {
    report.counts["sections"] = static_cast<double>(sections.size());
    const FactPlan plan = plan_facts(sections, options, teacher);
    if (plan.sections.empty())
      throw Error(Kind::Input, "no sentence of the documents can be turned into a question and an answer",
                  "check with `faqsmith inspect` what collect read, or raise answer.max_tokens");
    for (const auto& [what, n] : plan.withheld) {
      report.counts[what] = n;
      reporter.warn(fmt::format("{} {}: private data in the documents is not trained on", what, n));
    }
    const auto by_source = store_facts(db, plan.sections, options, report);
    ask_teacher(db, by_source, options, teacher, reporter);
    add_unanswerable(db, options, report);
    count_requests(db, report);
  });
}

}  // namespace faqsmith
