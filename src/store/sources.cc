// The table of documents: one row a path, kept when the file goes away (state 'removed').
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, path, sha256, format, title, language, state, reason, dropped, cut_by FROM sources ";

SourceRow read_row(const Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4),
          row.text(5),    row.text(6), row.text(7), row.text(8), row.text(9)};
}

}  // namespace

RowId put_source(Database& db, const SourceRow& source) {
  Statement put = db.prepare(
      "INSERT INTO sources (path, sha256, format, title, language, state, reason, dropped, cut_by) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, format = excluded.format, title = excluded.title, "
      "language = excluded.language, state = excluded.state, reason = excluded.reason, dropped = excluded.dropped "
      "RETURNING id");
  put.bind(source.path).bind(source.sha256).bind(source.format).bind(source.title).bind(source.language);
  put.bind(source.state).bind(source.reason).bind(source.dropped).bind(source.cut_by);
  (void)put.step();
  const RowId id = put.integer(0);
  put.run();
  return id;
}

std::vector<SourceRow> list_sources(Database& db) {
  Statement query = db.prepare(std::string(kSelect) + "ORDER BY id");
  std::vector<SourceRow> rows;
  while (query.step()) rows.push_back(read_row(query));
  return rows;
}

std::optional<SourceRow> find_source(Database& db, std::string_view path) {
  Statement query = db.prepare(std::string(kSelect) + "WHERE path = ?");
  query.bind(path);
  if (!query.step()) return std::nullopt;
  return read_row(query);
}

}  // namespace faqsmith
