// Commands that look at a workspace: status, inspect.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/bot_record.h"
#include "app/gates.h"
#include "app/inspect.h"
#include "app/models.h"
#include "app/open.h"
#include "app/status.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/show.h"

namespace faqsmith {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const Json& value) {
  print_line(json_text(value, 2));
}

std::string counted(const std::map<std::string, std::int64_t>& counts, const std::string& unnamed) {
  std::vector<std::string> parts;
  for (const auto& [name, n] : counts) parts.push_back(fmt::format("{} {}", n, name.empty() ? unnamed : name));
  return parts.empty() ? "none" : join(parts, ", ");
}

Json status_json(const WorkspaceStatus& status) {
  Json stages = Json::array();
  for (const auto& stage : status.stages) {
    stages.push_back({{"stage", stage.stage},
                      {"state", stage.state},
                      {"why", stage.why},
                      {"finished_at", stage.finished_at},
                      {"seconds", stage.seconds},
                      {"counts", stage.counts}});
  }
  return {{"stages", stages},           {"sources", status.sources},   {"sections", status.n_sections},
          {"facts", status.facts},      {"verdicts", status.verdicts}, {"parts", status.parts},
          {"requests", status.requests}};
}

}  // namespace

int run_status(Session& session) {
  const auto db = open_for_reading(session.workspace);
  const WorkspaceStatus status = workspace_status(*db);
  if (session.json) {
    print_json(status_json(status));
    return 0;
  }
  Table table({"stage", "state", "finished (UTC)", "took", "counts"});
  for (const auto& stage : status.stages) {
    table.add({stage.stage, stage.why.empty() ? stage.state : stage.state + ": " + stage.why,
               stage.finished_at.substr(0, 16), stage.finished_at.empty() ? "" : human_seconds(stage.seconds),
               main_counts(stage.stage, stage.counts)});
  }
  print(table.text());
  print_line(fmt::format("\nsources:  {}\nsections: {}\nfacts:    {}\nrequests: {}\npairs:    {}\nparts:    {}",
                         counted(status.sources, ""), status.n_sections, counted(status.facts, ""),
                         counted(status.requests, ""), counted(status.verdicts, "not judged"),
                         counted(status.parts, "in no part")));
  return 0;
}

int run_gates(Session& session) {
  const auto gates =
      examine_gates(session.config, session.has("--no-model") ? WithModel::No : WithModel::Yes, *session.reporter);
  Json rows = Json::array();
  Table table({"gate", "good probes", "passed", "bad probes", "caught", "precision", "recall"});
  for (const auto& gate : gates) {
    rows.push_back({{"gate", gate.gate},
                    {"good", gate.n_good},
                    {"good_passed", gate.good_passed},
                    {"bad", gate.n_bad},
                    {"bad_caught", gate.bad_caught},
                    {"precision", gate.precision()},
                    {"recall", gate.recall()}});
    table.add({gate.gate, std::to_string(gate.n_good), std::to_string(gate.good_passed), std::to_string(gate.n_bad),
               std::to_string(gate.bad_caught), fmt::format("{:.2f}", gate.precision()),
               fmt::format("{:.2f}", gate.recall())});
  }
  if (session.json) {
    print_json(rows);
    return 0;
  }
  print(table.text());
  print_line(
      "\nEach gate is a detector of bad rows: precision is the share of what it rejects that is bad, recall the share "
      "of what is bad that it rejects.");
  return 0;
}

int run_inspect(Session& session) {
  use_bot_record(session.workspace, session.config);
  const Tokenizer tokenizer =
      load_tokenizer(resolve_model(session.config.text("model"), IfAbsent::Refuse, *session.reporter));
  std::error_code error;
  const bool has_workspace = fs::exists(session.workspace / "faqsmith.db", error);
  const auto db = has_workspace ? open_for_reading(session.workspace) : nullptr;
  const InspectedPrompt prompt =
      inspect_prompt(session.arguments.front(), session.config.text("bot.topic"), db.get(), tokenizer);
  if (session.json) {
    Json tokens = Json::array();
    for (const auto& token : prompt.tokens) {
      tokens.push_back({{"id", token.id}, {"text", token.text}, {"trained", token.trained}});
    }
    print_json({{"what", prompt.what},
                {"n_tokens", prompt.tokens.size()},
                {"n_trained", prompt.n_trained},
                {"tokens", tokens}});
    return 0;
  }
  const bool colour = colour_allowed(STDOUT_FILENO);
  print_line(fmt::format("{}: {} tokens, {} trained ({})\n", prompt.what, prompt.tokens.size(), prompt.n_trained,
                         colour ? "green" : "between «»"));
  print_line(session.has("--ids") ? token_lines(prompt, colour) : marked_text(prompt, colour));
  return 0;
}

}  // namespace faqsmith
