// Opening, schema and transactions. A new file is made with mode 0600 before SQLite sees it, so that its WAL inherits
// it.
#include "store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "store/migrate.h"
#include "store/sqlite_error.h"

namespace faqsmith {
namespace embedded {
extern const std::string_view schema_sql;  // schema.sql
}

namespace {

constexpr std::int64_t kApplicationId = 0x46415153;  // "FAQS": PRAGMA application_id of every faqsmith.db
constexpr int kBusyTimeout_ms = 5000;                // a reader such as the sqlite3 shell may hold a lock for a moment

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> steps = {
      {1, "ALTER TABLE pairs ADD COLUMN imported TEXT NOT NULL DEFAULT ''"},
  };
  return steps;
}

void create_private_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    throw Error(Kind::Io, fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)),
                "choose a workspace folder that you may write to, with -w FOLDER");
  }
  ::close(fd);
}

std::int64_t pragma(Database& db, std::string_view name) {
  Statement query = db.prepare(fmt::format("PRAGMA {}", name));
  return query.step() ? query.integer(0) : 0;
}

bool has_tables(Database& db) {
  Statement query = db.prepare("SELECT count(*) FROM sqlite_master");
  return query.step() && query.integer(0) > 0;
}

void set_version(Database& db, int version) {
  db.execute(fmt::format("PRAGMA user_version = {}", version));
  db.prepare(
        "INSERT INTO meta (key, value) VALUES ('schema_version', ?) ON CONFLICT (key) DO UPDATE SET value = "
        "excluded.value")
      .bind(std::to_string(version))
      .run();
}

void create_schema(Database& db) {
  db.transaction([&] {
    db.execute(embedded::schema_sql);
    db.execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
    db.execute("INSERT INTO meta (key, value) VALUES ('workspace_id', lower(hex(randomblob(16))))");
    set_version(db, kSchemaVersion);
  });
}

void prepare_schema(Database& db, const fs::path& path) {
  const std::int64_t application = pragma(db, "application_id");
  const std::int64_t version = pragma(db, "user_version");
  if (application == 0 && version == 0 && !has_tables(db)) {
    create_schema(db);
  } else if (application != kApplicationId) {
    throw Error(Kind::Input, path.string() + " is an SQLite file of another program",
                "choose another workspace folder with -w FOLDER");
  } else if (version > kSchemaVersion) {
    throw Error(Kind::Input,
                fmt::format("{} was written by a newer faqsmith (schema {}, this program knows {})", path.string(),
                            version, kSchemaVersion),
                "update faqsmith, or use another workspace folder with -w FOLDER");
  } else if (version < kSchemaVersion) {
    migrate(db, static_cast<int>(version), kSchemaVersion, migrations());
  }
}

}  // namespace

void migrate(Database& db, int found, int target, std::span<const Migration> steps) {
  db.transaction([&] {
    for (int version = found; version < target; ++version) {
      const Migration* step = nullptr;
      for (const Migration& candidate : steps) {
        if (candidate.from == version) step = &candidate;
      }
      if (!step) {
        throw Error(Kind::Input,
                    fmt::format("the workspace database has schema {}, which this program cannot read", version),
                    "build the workspace anew, or use the faqsmith version that made it");
      }
      db.execute(step->sql);
    }
    set_version(db, target);
  });
}

Database::Database(const fs::path& path) : path_(path) {
  create_private_file(path);
  try {
    const int code = sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr);
    if (code != SQLITE_OK) throw_sqlite(db_, code, "open");
    sqlite3_extended_result_codes(db_, 0);
    sqlite3_busy_timeout(db_, kBusyTimeout_ms);
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    prepare_schema(*this, path);
  } catch (...) {
    sqlite3_close_v2(db_);
    throw;
  }
}

Database::~Database() {
  sqlite3_close_v2(db_);
}

Statement Database::prepare(std::string_view sql) {
  return Statement(db_, sql);
}

void Database::execute(std::string_view sql) {
  const std::string terminated(sql);
  const int code = sqlite3_exec(db_, terminated.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_sqlite(db_, code, "write");
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(db_);
}

void Database::transaction(const std::function<void()>& body) {
  require(sqlite3_get_autocommit(db_) != 0, "transactions are not nested");
  execute("BEGIN IMMEDIATE");
  try {
    body();
    execute("COMMIT");
  } catch (...) {
    // A full disk may have rolled back already; the first error is the one to report.
    if (sqlite3_get_autocommit(db_) == 0) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

}  // namespace faqsmith
