// The table of stage runs. Times are UTC, ISO 8601 with milliseconds, and are set here. The latest run has the highest
// id (a run that starts again moves to the end), since clocks jump and two runs can start within a millisecond.
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, stage, key, state, options, counts, error, started_at, finished_at FROM stage_runs ";

StageRunRow read_row(const Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4),
          row.text(5),    row.text(6), row.text(7), row.text(8)};
}

}  // namespace

RowId begin_stage_run(Database& db, const StageRunRow& run) {
  Statement put = db.prepare(
      "INSERT INTO stage_runs (stage, key, state, options, counts, started_at) "
      "VALUES (?, ?, 'running', ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) "
      "ON CONFLICT (stage, key) DO UPDATE SET "
      "id = (SELECT max(o.id) + (max(o.id) != stage_runs.id) FROM stage_runs o), "
      "state = 'running', options = excluded.options, counts = excluded.counts, error = '', "
      "started_at = excluded.started_at, finished_at = '' RETURNING id");
  put.bind(run.stage).bind(run.key).bind(run.options).bind(run.counts);
  (void)put.step();
  const RowId id = put.integer(0);
  put.run();
  return id;
}

void end_stage_run(Database& db, RowId id, std::string_view state, std::string_view counts, std::string_view error) {
  db.prepare(
        "UPDATE stage_runs SET state = ?, counts = ?, error = ?, finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
        "WHERE id = ?")
      .bind(state)
      .bind(counts)
      .bind(error)
      .bind(id)
      .run();
}

std::optional<StageRunRow> find_stage_run(Database& db, std::string_view stage, std::string_view key) {
  Statement query = db.prepare(std::string(kSelect) + "WHERE stage = ? AND key = ?");
  if (!query.bind(stage).bind(key).step()) return std::nullopt;
  return read_row(query);
}

std::optional<StageRunRow> last_stage_run(Database& db, std::string_view stage) {
  Statement query = db.prepare(std::string(kSelect) + "WHERE stage = ? ORDER BY id DESC LIMIT 1");
  if (!query.bind(stage).step()) return std::nullopt;
  return read_row(query);
}

std::vector<StageRunRow> list_stage_runs(Database& db) {
  Statement query = db.prepare(std::string(kSelect) + "ORDER BY id");
  std::vector<StageRunRow> rows;
  while (query.step()) rows.push_back(read_row(query));
  return rows;
}

}  // namespace faqsmith
