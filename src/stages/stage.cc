// The one place where stage runs begin and end. A run counts as done only while it is the stage's latest: after other
// options were tried, going back runs the stage again, because its rows now say what the other options made of them.
#include "stages/stage.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/log.h"
#include "store/tables.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

// The first error is what the user must see: a second one, from noting it down, only goes to the log.
void note_end(Database& db, RowId id, std::string_view state, std::string_view error) {
  try {
    end_stage_run(db, id, state, "{}", error);
  } catch (const std::exception& e) {
    log(LogLevel::Warning, fmt::format("cannot note the end of a stage run: {}", e.what()));
  }
}

StageReport run_body(Workspace& workspace, RowId id, StageReport report,
                     const std::function<void(StageReport&)>& body) {
  Database& db = workspace.db();
  try {
    body(report);
    end_stage_run(db, id, "done", json_text(nlohmann::json(report.counts)), "");
  } catch (const Interrupted&) {
    note_end(db, id, "interrupted", "");
    throw;
  } catch (const std::exception& e) {
    note_end(db, id, "failed", e.what());
    throw;
  }
  return report;
}

}  // namespace

std::string StageIdentity::key() const {
  // A JSON array keeps the parts apart, whatever they contain.
  return sha256_hex(json_text(nlohmann::json{stage, semantics, options_json, input_hash, seed}));
}

StageReport run_stage(Workspace& workspace, const StageIdentity& identity,
                      const std::function<void(StageReport&)>& body) {
  Database& db = workspace.db();
  StageReport report{.stage = identity.stage, .key = identity.key(), .up_to_date = false, .counts = {}};
  const std::optional<StageRunRow> last = last_stage_run(db, identity.stage);
  if (last && last->key == report.key && last->state == "done") {
    report.up_to_date = true;
    report.counts = parse_json(last->counts).get<std::map<std::string, double>>();
    return report;
  }
  StageRunRow row;
  row.stage = identity.stage;
  row.key = report.key;
  row.options = identity.options_json.empty() ? "{}" : identity.options_json;
  const RowId id = begin_stage_run(db, row);
  return run_body(workspace, id, std::move(report), body);
}

}  // namespace faqsmith
