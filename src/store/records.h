// Rows of faqsmith.db as plain structs (see schema.sql for the meaning of each column). An id of 0 is "not stored yet".
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace faqsmith {

using RowId = std::int64_t;

struct SourceRow {
  RowId id = 0;
  std::string path, sha256, format, title, language, state, reason, dropped = "{}", cut_by;
};
struct SectionRow {
  RowId id = 0, source_id = 0;
  std::int64_t ordinal = 0;
  std::vector<std::string> heading_path;
  std::string text;
  std::optional<int> page;
  std::int64_t begin_byte = 0, end_byte = 0, n_tokens = 0;
  std::string hash;
  bool stale = false;
};
struct FactRow {
  RowId id = 0, section_id = 0;
  std::string key, origin, quote, answer, heading, cluster;
};
struct PairRow {
  RowId id = 0;
  std::optional<RowId> fact_id, request_id;
  std::string key, question, answer, form, verdict;
  std::string reasons = "[]", scores = "{}", part;
  std::string imported;  // the user's whole row; empty: not imported
};
struct RequestRow {
  RowId id = 0;
  std::string batch;
  std::int64_t ordinal = 0;
  std::optional<RowId> section_id, fact_id;
  std::string kind, prompt_hash, seed, reply, outcome, reason;
  std::int64_t n_prompt_tokens = 0, n_new_tokens = 0;
};
struct AnswerRow {
  RowId id = 0;
  std::string run;
  RowId pair_id = 0;
  std::string model, answer;
  bool refused = false;
  std::optional<RowId> cited_fact_id;
  std::string metrics = "{}";
};

}  // namespace faqsmith
