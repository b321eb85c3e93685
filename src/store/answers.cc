// The table of answers that evaluation compares.
#include "store/tables.h"

namespace faqsmith {

RowId add_answer(Database& db, const AnswerRow& answer) {
  Statement put = db.prepare(
      "INSERT INTO answers (run, pair_id, model, answer, refused, cited_fact_id, metrics) VALUES (?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (run, pair_id, model) DO UPDATE SET answer = excluded.answer, refused = excluded.refused, "
      "cited_fact_id = excluded.cited_fact_id, metrics = excluded.metrics RETURNING id");
  put.bind(answer.run).bind(answer.pair_id).bind(answer.model).bind(answer.answer).bind(answer.refused);
  put.bind(answer.cited_fact_id).bind(answer.metrics);
  (void)put.step();
  const RowId id = put.integer(0);
  put.run();
  return id;
}

std::vector<AnswerRow> list_answers(Database& db, std::string_view run) {
  Statement query = db.prepare(
      "SELECT id, run, pair_id, model, answer, refused, cited_fact_id, metrics FROM answers WHERE run = ? ORDER BY id");
  query.bind(run);
  std::vector<AnswerRow> rows;
  while (query.step()) {
    AnswerRow row;
    row.id = query.integer(0);
    row.run = query.text(1);
    row.pair_id = query.integer(2);
    row.model = query.text(3);
    row.answer = query.text(4);
    row.refused = query.integer(5) != 0;
    if (!query.is_null(6)) row.cited_fact_id = query.integer(6);
    row.metrics = query.text(7);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace faqsmith
