// The table of sections. A stale row whose text comes back (same hash, any place or file) is revived in place, so that
// its facts and pairs live on when a document is edited elsewhere, renamed or restored.
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, source_id, ordinal, heading_path, text, page, begin_byte, end_byte, n_tokens, hash, stale FROM "
    "sections ";

SectionRow read_row(const Statement& row) {
  SectionRow out;
  out.id = row.integer(0);
  out.source_id = row.integer(1);
  out.ordinal = row.integer(2);
  out.heading_path = parse_json(row.text(3)).get<std::vector<std::string>>();
  out.text = row.text(4);
  if (!row.is_null(5)) out.page = static_cast<int>(row.integer(5));
  out.begin_byte = row.integer(6);
  out.end_byte = row.integer(7);
  out.n_tokens = row.integer(8);
  out.hash = row.text(9);
  out.stale = row.integer(10) != 0;
  return out;
}

// The row to revive: the very same one first, else the oldest stale one with this text.
std::optional<RowId> find_revivable(Database& db, const SectionRow& section) {
  Statement query = db.prepare(
      "SELECT id FROM sections WHERE hash = ?1 AND (stale = 1 OR (source_id = ?2 AND ordinal = ?3)) "
      "ORDER BY (source_id = ?2 AND ordinal = ?3) DESC, (source_id = ?2) DESC, id LIMIT 1");
  query.bind(section.hash).bind(section.source_id).bind(section.ordinal);
  if (!query.step()) return std::nullopt;
  return query.integer(0);
}

}  // namespace

RowId add_section(Database& db, const SectionRow& section) {
  const std::optional<RowId> old = find_revivable(db, section);
  Statement put = db.prepare(old ? "UPDATE sections SET source_id = ?, ordinal = ?, heading_path = ?, text = ?, page = "
                                   "?, begin_byte = ?, end_byte = ?, "
                                   "n_tokens = ?, hash = ?, stale = ? WHERE id = ?"
                                 : "INSERT INTO sections (source_id, ordinal, heading_path, text, page, begin_byte, "
                                   "end_byte, n_tokens, hash, stale) "
                                   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  put.bind(section.source_id)
      .bind(section.ordinal)
      .bind(json_text(nlohmann::json(section.heading_path)))
      .bind(section.text);
  if (section.page) {
    put.bind(*section.page);
  } else {
    put.bind_null();
  }
  put.bind(section.begin_byte).bind(section.end_byte).bind(section.n_tokens).bind(section.hash).bind(section.stale);
  if (old) put.bind(*old);
  put.run();
  return old ? *old : db.last_insert_id();
}

void mark_sections_stale(Database& db, RowId source_id) {
  db.prepare("UPDATE sections SET stale = 1 WHERE source_id = ?").bind(source_id).run();
}

std::vector<SectionRow> list_sections(Database& db) {
  Statement query = db.prepare(std::string(kSelect) + "WHERE stale = 0 ORDER BY id");
  std::vector<SectionRow> rows;
  while (query.step()) rows.push_back(read_row(query));
  return rows;
}

std::optional<SectionRow> get_section(Database& db, RowId id) {
  Statement query = db.prepare(std::string(kSelect) + "WHERE id = ?");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return read_row(query);
}

}  // namespace faqsmith
