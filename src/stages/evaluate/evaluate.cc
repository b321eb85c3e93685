// Each column is answered in blocks, one transaction a block: a killed evaluation goes on at the first missing block.
#include "stages/evaluate/evaluate.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/strings.h"
#include "faq/prompts.h"
#include "faq/refusal.h"
#include "stages/evaluate/items.h"
#include "stages/evaluate/measure.h"
#include "stages/evaluate/report_html.h"
#include "stages/evaluate/report_json.h"
#include "store/tables.h"
#include "sys/folder.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

using nlohmann::json;

constexpr const char* kStage = "evaluate";
constexpr int kSemantics = 2;
constexpr std::size_t kBlock = 32;  // questions answered at once; part of no result, so not of the key

using Block = std::vector<const TestItem*>;

std::vector<Block> blocks_of(const std::vector<TestItem>& items) {
  std::vector<Block> blocks;
  for (const TestItem& item : items) {
    if (blocks.empty() || blocks.back().size() == kBlock) blocks.emplace_back();
    blocks.back().push_back(&item);
  }
  return blocks;
}

std::set<RowId> answered(Database& db, const std::string& run, const std::string& column) {
  std::set<RowId> out;
  for (const AnswerRow& row : list_answers(db, run)) {
    if (row.model == column) out.insert(row.pair_id);
  }
  return out;
}

struct Reply {
  std::string text;
  std::optional<FactRow> cited;
  std::map<std::string, double> values;  // besides TestMaterial::score()
};

void store_block(Database& db, const TestMaterial& material, const std::string& run, const std::string& column,
                 const Block& block, const std::vector<Reply>& replies) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    AnswerRow row;
    row.run = run;
    row.pair_id = block[i]->pair.id;
    row.model = column;
    row.answer = replies[i].text;
    row.refused = is_refusal(row.answer);
    if (replies[i].cited && !row.refused) row.cited_fact_id = replies[i].cited->id;
    std::map<std::string, double> values = material.score(*block[i], row.answer, row.refused, replies[i].cited);
    values.insert(replies[i].values.begin(), replies[i].values.end());
    row.metrics = json_text(json(values));
    add_answer(db, row);
  }
}

// What a model says to the questions of a block.
struct Said {
  std::vector<Reply> given;   // the answers as the bot gives them
  std::vector<Reply> greedy;  // the model's first ones; empty if those are given
};

Reply make_reply(const TestItem& item, const TestMaterial& material, const ChatReply& chat) {
  Reply reply;
  if (chat.finish == Finish::Failed) {
    // Counts as an answer without words: what a user would have seen.
    log(LogLevel::Warning, fmt::format("evaluate: pair {} was not answered: {}", item.pair.id, chat.failure));
    reply.values["failed"] = 1;
  }
  reply.text = std::string(trim(chat.text));
  reply.cited = material.search(item.pair.question + " " + reply.text);
  return reply;
}

void add_losses(const Block& block, const EvaluateOptions& options, ChatModel& model, std::vector<Reply>& replies) {
  std::vector<ScoreRequest> requests;
  for (const TestItem* item : block)
    requests.push_back({bot_messages(options.topic, item->pair.question), item->pair.answer});
  const std::vector<Score> scores = model.score(requests);
  require(scores.size() == block.size(), "a chat model scores every request");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i].n_tokens <= 0) continue;
    replies[i].values["loss"] = -scores[i].log_probability / scores[i].n_tokens;
    replies[i].values["loss_tokens"] = scores[i].n_tokens;
  }
}

Said ask_model(const Block& block, const TestMaterial& material, const EvaluateOptions& options, int n_candidates,
               ChatModel& model, const std::function<void(std::size_t)>& on_done, std::int64_t& n_tokens) {
  std::vector<ChatRequest> requests;
  for (const TestItem* item : block) {
    ChatRequest request;
    request.messages = bot_messages(options.topic, item->pair.question);
    request.sampling.max_tokens = options.max_tokens;
    requests.push_back(std::move(request));
  }
  const auto considered = model.candidates(requests, n_candidates, on_done);
  require(considered.size() == block.size(), "a chat model answers every request");
  Said said;
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::vector<ConsideredAnswer> answers;
    for (const Candidate& candidate : considered[i]) {
      n_tokens += candidate.reply.n_new_tokens;
      answers.push_back({std::string(trim(candidate.reply.text)), candidate.opening_log_probability});
    }
    const std::size_t chosen = material.choose(block[i]->pair.question, answers);
    said.given.push_back(make_reply(*block[i], material, considered[i][chosen].reply));
    if (n_candidates > 1) said.given.back().values["confidence"] = considered[i][chosen].confidence();
    if (n_candidates > 1) said.greedy.push_back(make_reply(*block[i], material, considered[i].front().reply));
  }
  add_losses(block, options, model, said.given);
  return said;
}

void answer_with_model(Database& db, const TestMaterial& material, const std::string& run, const char* column,
                       const EvaluateOptions& options, ChatModel& model, Reporter& reporter) {
  const std::set<RowId> done_before = answered(db, run, column);
  const auto total = static_cast<std::int64_t>(material.items().size());
  // The base model's many answers would tell no fact of the documents; it answers as it comes.
  const int n_candidates =
      column == std::string_view(kTuned) ? candidates_for(model.n_parameters(), options.candidates) : 1;
  reporter.begin(fmt::format("answer with the {} model", column), total, "questions");
  const auto start = std::chrono::steady_clock::now();
  std::int64_t done = 0, n_tokens = 0;
  for (const Block& block : blocks_of(material.items())) {
    stop_if_interrupted();
    const auto after = done + static_cast<std::int64_t>(block.size());
    // A block is stored whole, so its first row speaks for it.
    if (!done_before.contains(block.front()->pair.id)) {
      const Said said = ask_model(
          block, material, options, n_candidates, model, [&](std::size_t) { reporter.update(++done, ""); }, n_tokens);
      db.transaction([&] {
        store_block(db, material, run, column, block, said.given);
        if (!said.greedy.empty()) store_block(db, material, run, kGreedy, block, said.greedy);
      });
    }
    done = after;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    reporter.update(
        done, n_tokens > 0 ? fmt::format("{:.0f} tok/s", static_cast<double>(n_tokens) / std::max(seconds, 1e-3)) : "");
  }
  reporter.end(fmt::format("{} questions answered by the {} model", total, column));
}

void answer_with_search(Database& db, const TestMaterial& material, const std::string& run) {
  const std::set<RowId> done_before = answered(db, run, kSearch);
  for (const Block& block : blocks_of(material.items())) {
    if (done_before.contains(block.front()->pair.id)) continue;
    std::vector<Reply> replies;
    for (const TestItem* item : block) {
      const std::optional<FactRow> found = material.search(item->pair.question);
      replies.push_back({found ? found->answer : std::string(kRefusal), found, {}});
    }
    db.transaction([&] { store_block(db, material, run, kSearch, block, replies); });
  }
}

std::string options_json(const EvaluateOptions& options, const ChatModel& base, const ChatModel& tuned) {
  nlohmann::ordered_json out;
  out["base"] = base.id();
  out["tuned"] = tuned.id();
  out["topic"] = options.topic;
  out["limit_per_part"] = options.limit_per_part;
  out["max_tokens"] = options.max_tokens;
  out["candidates"] = candidates_for(tuned.n_parameters(), options.candidates);
  return json_text(out);
}

void count(const Evaluation& evaluation, StageReport& report) {
  report.counts["items"] = static_cast<double>(evaluation.items.size());
  for (const Comparison& row : evaluation.comparisons) {
    const std::string name = row.part + " " + row.metric.name + " ";
    for (const auto& [column, value] : row.value) report.counts[name + column] = value;
    if (row.tuned_minus_base) {
      report.counts[name + "difference"] = row.tuned_minus_base->difference;
      report.counts[name + "low"] = row.tuned_minus_base->low;
      report.counts[name + "high"] = row.tuned_minus_base->high;
    }
  }
}

// The names of the models stand in the run's options, not in its rows.
Evaluation evaluation_of(Database& db, const std::string& run, const TestMaterial& material,
                         const EvaluateOptions& options) {
  Evaluation out = measure(db, run, material, options);
  const auto row = find_stage_run(db, kStage, run);
  const json said = try_parse_json(row ? row->options : "{}");
  if (said.is_object()) {
    out.base_id = said.value("base", "");
    out.tuned_id = said.value("tuned", "");
  }
  return out;
}

void write_report(const fs::path& folder, const Evaluation& evaluation) {
  make_folders(folder);
  write_file_atomic(folder / "report.json", report_json(evaluation));
  write_file_atomic(folder / "report.html", report_html(evaluation));
}

}  // namespace

fs::path report_folder(const Workspace& workspace, const EvaluateOptions& options, const std::string& run) {
  return options.report_folder.empty() ? workspace.runs() / ("evaluate-" + run.substr(0, 12)) : options.report_folder;
}

StageReport evaluate(Workspace& workspace, const EvaluateOptions& options, ChatModel& base, ChatModel& tuned,
                     Reporter& reporter) {
  Database& db = workspace.db();
  const TestMaterial material(db, options);
  const StageIdentity identity{.stage = kStage,
                               .semantics = kSemantics,
                               .options_json = options_json(options, base, tuned),
                               .input_hash = material.hash(),
                               .seed = options.seed};
  StageReport report = run_stage(workspace, identity, [&](StageReport& running) {
    answer_with_search(db, material, running.key);
    answer_with_model(db, material, running.key, kBase, options, base, reporter);
    answer_with_model(db, material, running.key, kTuned, options, tuned, reporter);
    const Evaluation found = evaluation_of(db, running.key, material, options);
    count(found, running);
    write_report(report_folder(workspace, options, running.key), found);
  });
  const Evaluation found = evaluation_of(db, report.key, material, options);
  const fs::path folder = report_folder(workspace, options, report.key);
  if (!fs::exists(folder / "report.html") || !fs::exists(folder / "report.json")) write_report(folder, found);
  for (const std::string& line : table_lines(found)) reporter.note(line);
  reporter.note("report: " + (folder / "report.html").string());
  return report;
}

Evaluation last_evaluation(Workspace& workspace, const EvaluateOptions& options) {
  const auto last = last_stage_run(workspace.db(), kStage);
  if (!last || last->state != "done")
    throw Error(Kind::User, "nothing has been evaluated in this workspace yet",
                "run `faqsmith evaluate`, or `faqsmith build` for all stages");
  return evaluation_of(workspace.db(), last->key, TestMaterial(workspace.db(), options), options);
}

}  // namespace faqsmith
