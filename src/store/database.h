// SQLite behind a narrow face: the only user of sqlite3.h together with this folder's table files. One connection, one
// thread. WAL, synchronous=FULL, foreign keys on. Errors are Error(Io) that name the file; a full disk says so.
#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sys/file.h"

struct sqlite3;
struct sqlite3_stmt;

namespace faqsmith {

// One prepared statement: bind in order, step, read columns. Bound text is copied.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement& bind(std::int64_t value);
  template <std::integral T>
  Statement& bind(T value) {
    return bind(static_cast<std::int64_t>(value));
  }
  Statement& bind(double value);
  Statement& bind(std::string_view value);
  Statement& bind(const std::optional<std::int64_t>& value);
  Statement& bind_null();
  [[nodiscard]] bool step();  // true: a row is there
  void run();                 // step to the end, reset
  void reset();               // for the next round of binds
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
  int next_bind_ = 1;
};

class Database {
 public:
  // Opens or creates; creates or migrates the schema; file mode 0600. Throws Error(Input) if the file is no faqsmith
  // database or is newer than this program.
  explicit Database(const fs::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  [[nodiscard]] Statement prepare(std::string_view sql);
  void execute(std::string_view sql);
  [[nodiscard]] std::int64_t last_insert_id() const;
  // All of body or nothing; rethrows what body throws after rolling back. Not nested.
  void transaction(const std::function<void()>& body);

 private:
  sqlite3* db_ = nullptr;
  fs::path path_;
};

inline constexpr int kSchemaVersion = 2;

}  // namespace faqsmith
