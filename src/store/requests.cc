// The journal of everything asked of a teacher.
#include "store/tables.h"

namespace faqsmith {

RowId add_request(Database& db, const RequestRow& request) {
  Statement put = db.prepare(
      "INSERT INTO requests (batch, ordinal, section_id, fact_id, kind, prompt_hash, seed, reply, outcome, reason, "
      "n_prompt_tokens, "
      "n_new_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  put.bind(request.batch).bind(request.ordinal).bind(request.section_id).bind(request.fact_id).bind(request.kind);
  put.bind(request.prompt_hash).bind(request.seed).bind(request.reply).bind(request.outcome).bind(request.reason);
  put.bind(request.n_prompt_tokens).bind(request.n_new_tokens).run();
  return db.last_insert_id();
}

bool batch_done(Database& db, std::string_view batch) {
  Statement query = db.prepare("SELECT 1 FROM requests WHERE batch = ? LIMIT 1");
  return query.bind(batch).step();
}

std::map<std::string, std::int64_t> count_requests_by_outcome(Database& db) {
  Statement query = db.prepare("SELECT outcome, count(*) FROM requests GROUP BY outcome");
  std::map<std::string, std::int64_t> counts;
  while (query.step()) counts[query.text(0)] = query.integer(1);
  return counts;
}

}  // namespace faqsmith
