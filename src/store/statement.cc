// Prepared statements: thin, checked calls of SQLite.
#include <sqlite3.h>

#include <utility>

#include "store/database.h"
#include "store/sqlite_error.h"

namespace faqsmith {
namespace {

void check(sqlite3_stmt* statement, int code) {
  if (code != SQLITE_OK) throw_sqlite(sqlite3_db_handle(statement), code, "bind a value for");
}

}  // namespace

Statement::Statement(sqlite3* db, std::string_view sql) {
  const int code = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  if (code != SQLITE_OK) throw_sqlite(db, code, "read");
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), next_bind_(other.next_bind_) {}

Statement& Statement::bind(std::int64_t value) {
  check(statement_, sqlite3_bind_int64(statement_, next_bind_++, value));
  return *this;
}

Statement& Statement::bind(double value) {
  check(statement_, sqlite3_bind_double(statement_, next_bind_++, value));
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  // A null pointer would bind NULL: an empty view still is text.
  const char* bytes = value.data() ? value.data() : "";
  check(statement_, sqlite3_bind_text64(statement_, next_bind_++, bytes, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(const std::optional<std::int64_t>& value) {
  return value ? bind(*value) : bind_null();
}

Statement& Statement::bind_null() {
  check(statement_, sqlite3_bind_null(statement_, next_bind_++));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_);
  const char* doing = sqlite3_stmt_readonly(statement_) ? "read" : "write";
  // The message is taken before the reset, and the reset lets a transaction roll back.
  try {
    throw_sqlite(db, code, doing);
  } catch (...) {
    sqlite3_reset(statement_);
    throw;
  }
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  next_bind_ = 1;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace faqsmith
