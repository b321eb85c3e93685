// A done stage is stale once a stage before it has run again. Changed options and documents show when the stage itself
// compares its key: it then runs.
#include "app/status.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

// "2026-01-31T12:00:00.123Z" in seconds; 0 if it is no such time.
double parse_time(const std::string& text) {
  std::tm time{};
  double seconds = 0;
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%lfZ", &time.tm_year, &time.tm_mon, &time.tm_mday, &time.tm_hour,
                  &time.tm_min, &seconds) != 6) {
    return 0;
  }
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  return static_cast<double>(::timegm(&time)) + seconds;
}

std::map<std::string, double> parse_counts(const std::string& text) {
  const auto json = try_parse_json(text);
  std::map<std::string, double> counts;
  if (!json.is_object()) return counts;
  for (const auto& [name, value] : json.items()) {
    if (value.is_number()) counts[name] = value.get<double>();
  }
  return counts;
}

StageStatus describe(const std::string& stage, const std::optional<StageRunRow>& run,
                     const std::optional<StageRunRow>& newer) {
  StageStatus out;
  out.stage = stage;
  if (!run) {
    out.state = "not run";
    return out;
  }
  out.state = run->state;
  out.why = run->error;
  out.finished_at = run->finished_at;
  out.counts = parse_counts(run->counts);
  if (!run->finished_at.empty()) out.seconds = parse_time(run->finished_at) - parse_time(run->started_at);
  if (run->state == "done" && newer) {
    out.state = "stale";
    out.why = newer->stage + " has run since";
  }
  return out;
}

}  // namespace

const std::vector<std::string>& pipeline_stages() {
  static const std::vector<std::string> stages = {"collect", "generate", "curate", "split",
                                                  "train",   "evaluate", "export"};
  return stages;
}

WorkspaceStatus workspace_status(Database& db) {
  WorkspaceStatus out;
  std::optional<StageRunRow> latest;  // the stage before this one that ran last
  for (const auto& stage : pipeline_stages()) {
    const auto run = last_stage_run(db, stage);
    const bool outdated = run && latest && latest->id > run->id;
    out.stages.push_back(describe(stage, run, outdated ? latest : std::nullopt));
    if (run && (!latest || run->id > latest->id)) latest = run;
  }
  for (const auto& source : list_sources(db)) ++out.sources[source.state];
  out.n_sections = static_cast<std::int64_t>(list_sections(db).size());
  for (const auto& fact : list_facts(db)) ++out.facts[fact.origin];
  for (const auto& pair : list_pairs(db)) {
    ++out.verdicts[pair.verdict];
    if (pair.verdict == "kept") ++out.parts[pair.part];
  }
  out.requests = count_requests_by_outcome(db);
  return out;
}

}  // namespace faqsmith
