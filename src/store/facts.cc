// The table of facts.
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSelect =
    "SELECT f.id, f.section_id, f.key, f.origin, f.quote, f.answer, f.heading, f.cluster FROM facts f ";

FactRow read_row(const Statement& row) {
  return {row.integer(0), row.integer(1), row.text(2), row.text(3), row.text(4), row.text(5), row.text(6), row.text(7)};
}

}  // namespace

RowId add_fact(Database& db, const FactRow& fact) {
  // A fact whose section went stale moves to the section that now holds the same text.
  Statement move = db.prepare(
      "UPDATE facts SET section_id = ?1 WHERE key = ?2 AND section_id != ?1 AND "
      "(SELECT stale FROM sections WHERE id = facts.section_id) = 1");
  move.bind(fact.section_id).bind(fact.key).run();
  Statement find = db.prepare("SELECT id FROM facts WHERE key = ?");
  if (find.bind(fact.key).step()) return find.integer(0);
  Statement put = db.prepare(
      "INSERT INTO facts (section_id, key, origin, quote, answer, heading, cluster) VALUES (?, ?, ?, ?, ?, ?, ?)");
  put.bind(fact.section_id).bind(fact.key).bind(fact.origin).bind(fact.quote).bind(fact.answer).bind(fact.heading);
  put.bind(fact.cluster).run();
  return db.last_insert_id();
}

void set_fact_cluster(Database& db, RowId id, std::string_view cluster) {
  db.prepare("UPDATE facts SET cluster = ? WHERE id = ?").bind(cluster).bind(id).run();
}

std::vector<FactRow> list_facts(Database& db) {
  Statement query =
      db.prepare(std::string(kSelect) + "JOIN sections s ON s.id = f.section_id WHERE s.stale = 0 ORDER BY f.id");
  std::vector<FactRow> rows;
  while (query.step()) rows.push_back(read_row(query));
  return rows;
}

std::optional<FactRow> get_fact(Database& db, RowId id) {
  Statement query = db.prepare(std::string(kSelect) + "WHERE f.id = ?");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return read_row(query);
}

}  // namespace faqsmith
