// The table of question/answer pairs: generate appends, curate sets verdicts, split sets parts.
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSelect =
    "SELECT p.id, p.fact_id, p.request_id, p.key, p.question, p.answer, p.form, p.verdict, p.reasons, p.scores, "
    "p.part, "
    "p.imported FROM pairs p "
    "LEFT JOIN facts f ON f.id = p.fact_id LEFT JOIN sections s ON s.id = f.section_id WHERE coalesce(s.stale, 0) = 0 ";

std::optional<RowId> optional_id(const Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return row.integer(column);
}

PairRow read_row(const Statement& row) {
  PairRow out;
  out.id = row.integer(0);
  out.fact_id = optional_id(row, 1);
  out.request_id = optional_id(row, 2);
  out.key = row.text(3);
  out.question = row.text(4);
  out.answer = row.text(5);
  out.form = row.text(6);
  out.verdict = row.text(7);
  out.reasons = row.text(8);
  out.scores = row.text(9);
  out.part = row.text(10);
  out.imported = row.text(11);
  return out;
}

std::vector<PairRow> read_rows(Statement query) {
  std::vector<PairRow> rows;
  while (query.step()) rows.push_back(read_row(query));
  return rows;
}

}  // namespace

RowId add_pair(Database& db, const PairRow& pair) {
  Statement find = db.prepare("SELECT id FROM pairs WHERE key = ?");
  if (find.bind(pair.key).step()) return find.integer(0);
  Statement put = db.prepare(
      "INSERT INTO pairs (fact_id, request_id, key, question, answer, form, verdict, reasons, scores, part, "
      "imported) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  put.bind(pair.fact_id).bind(pair.request_id).bind(pair.key).bind(pair.question).bind(pair.answer).bind(pair.form);
  put.bind(pair.verdict).bind(pair.reasons).bind(pair.scores).bind(pair.part).bind(pair.imported).run();
  return db.last_insert_id();
}

void set_pair_verdict(Database& db, RowId id, std::string_view verdict, std::string_view reasons,
                      std::string_view scores) {
  db.prepare("UPDATE pairs SET verdict = ?, reasons = ?, scores = ? WHERE id = ?")
      .bind(verdict)
      .bind(reasons)
      .bind(scores)
      .bind(id)
      .run();
}

void set_pair_part(Database& db, RowId id, std::string_view part) {
  db.prepare("UPDATE pairs SET part = ? WHERE id = ?").bind(part).bind(id).run();
}

std::vector<PairRow> list_pairs(Database& db) {
  return read_rows(db.prepare(std::string(kSelect) + "ORDER BY p.id"));
}

std::vector<PairRow> list_pairs_in(Database& db, std::string_view part) {
  Statement query = db.prepare(std::string(kSelect) + "AND p.part = ? ORDER BY p.id");
  query.bind(part);
  return read_rows(std::move(query));
}

}  // namespace faqsmith
