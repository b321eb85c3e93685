// Reads and writes of each table; every function runs inside the caller's transaction if there is one. Lists come in id
// order.
#pragma once
#include <map>

#include "store/database.h"
#include "store/records.h"

namespace faqsmith {

// sources.cc
RowId put_source(Database& db, const SourceRow& source);  // insert, or update by path
[[nodiscard]] std::vector<SourceRow> list_sources(Database& db);
[[nodiscard]] std::optional<SourceRow> find_source(Database& db, std::string_view path);

// sections.cc
RowId add_section(Database& db, const SectionRow& section);  // same source, ordinal and hash: revives the row
void mark_sections_stale(Database& db, RowId source_id);
[[nodiscard]] std::vector<SectionRow> list_sections(Database& db);  // not stale
[[nodiscard]] std::optional<SectionRow> get_section(Database& db, RowId id);

// facts.cc
RowId add_fact(Database& db, const FactRow& fact);  // same key: returns the existing id
void set_fact_cluster(Database& db, RowId id, std::string_view cluster);
[[nodiscard]] std::vector<FactRow> list_facts(Database& db);  // of sections that are not stale
[[nodiscard]] std::optional<FactRow> get_fact(Database& db, RowId id);

// pairs.cc
RowId add_pair(Database& db, const PairRow& pair);  // same key: returns the existing id
void set_pair_verdict(Database& db, RowId id, std::string_view verdict, std::string_view reasons,
                      std::string_view scores);
void set_pair_part(Database& db, RowId id, std::string_view part);
[[nodiscard]] std::vector<PairRow> list_pairs(Database& db);  // of facts that are not stale, and those without a fact
[[nodiscard]] std::vector<PairRow> list_pairs_in(Database& db, std::string_view part);

// requests.cc
RowId add_request(Database& db, const RequestRow& request);
[[nodiscard]] bool batch_done(
    Database& db, std::string_view batch);  // any request of the batch is there (a batch is one transaction)
[[nodiscard]] std::map<std::string, std::int64_t> count_requests_by_outcome(Database& db);

// answers.cc
RowId add_answer(Database& db, const AnswerRow& answer);
[[nodiscard]] std::vector<AnswerRow> list_answers(Database& db, std::string_view run);

// stage_runs.cc
struct StageRunRow {
  RowId id = 0;
  std::string stage, key, state, options = "{}", counts = "{}", error, started_at, finished_at;
};
RowId begin_stage_run(Database& db, const StageRunRow& run);  // same stage and key: set back to running
void end_stage_run(Database& db, RowId id, std::string_view state, std::string_view counts, std::string_view error);
[[nodiscard]] std::optional<StageRunRow> find_stage_run(Database& db, std::string_view stage, std::string_view key);
[[nodiscard]] std::optional<StageRunRow> last_stage_run(Database& db, std::string_view stage);  // the latest by start
[[nodiscard]] std::vector<StageRunRow> list_stage_runs(Database& db);

}  // namespace faqsmith
