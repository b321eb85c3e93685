// The translation table; the file's name comes from the connection itself, so every statement can say it.
#include "store/sqlite_error.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/error.h"

namespace faqsmith {

void throw_sqlite(sqlite3* db, int code, std::string_view doing) {
  const char* name = db ? sqlite3_db_filename(db, "main") : nullptr;
  const std::string file = name && *name ? name : "the workspace database";
  const std::string detail = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      throw Error(Kind::Io, fmt::format("the disk is full: cannot {} {}", doing, file),
                  "free some space and run the same command again: finished work is kept");
    case SQLITE_IOERR:
      throw Error(
          Kind::Io, fmt::format("cannot {} {}: {} (code {})", doing, file, detail, sqlite3_extended_errcode(db)),
          "check the disk's health, quota and free space, then run the same command again: finished work is kept");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw Error(Kind::Io, fmt::format("cannot {} {}: {}", doing, file, detail),
                  "choose a workspace folder that you may write to, with -w FOLDER");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(Kind::Io, fmt::format("cannot {} {}: another program has it open for writing", doing, file),
                  "close that program and run the same command again");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Error(Kind::Input, fmt::format("{} is damaged or is no faqsmith database: {}", file, detail),
                  "restore it from a backup, or move it away and build the workspace anew");
    default:
      throw Error(Kind::Internal, fmt::format("cannot {} {}: {} (code {})", doing, file, detail, code),
                  "this is a bug of faqsmith: please report it");
  }
}

}  // namespace faqsmith
