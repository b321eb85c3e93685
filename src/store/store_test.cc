// The database file and the workspace: what may be opened, who may hold it, what survives a fault.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"
#include "store/migrate.h"
#include "store/tables.h"
#include "store/workspace.h"

namespace faqsmith {
namespace {

class Store : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "faqsmith_store_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override {
    fs::permissions(folder, fs::perms::owner_all);
    fs::remove_all(folder);
  }
  // Runs sql on the file without faqsmith's checks.
  void raw(const fs::path& path, const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  }
  fs::path folder;
};

Kind kind_of(const std::function<void()>& body, std::string* what = nullptr) {
  try {
    body();
  } catch (const Error& e) {
    if (what) *what = std::string(e.what()) + " | " + e.hint();
    EXPECT_FALSE(e.hint().empty());
    return e.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Kind::Internal;
}

TEST_F(Store, NewFileIsPrivateAndCarriesVersionAndId) {
  const fs::path path = folder / "faqsmith.db";
  Database db(path);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  Statement meta = db.prepare("SELECT value FROM meta WHERE key = 'schema_version'");
  ASSERT_TRUE(meta.step());
  EXPECT_EQ(meta.text(0), std::to_string(kSchemaVersion));
  Statement mode = db.prepare("PRAGMA journal_mode");
  ASSERT_TRUE(mode.step());
  EXPECT_EQ(mode.text(0), "wal");
}

TEST_F(Store, NewerSchemaIsRefused) {
  const fs::path path = folder / "faqsmith.db";
  { Database db(path); }
  raw(path, "PRAGMA user_version = 99");
  std::string what;
  EXPECT_EQ(kind_of([&] { Database db(path); }, &what), Kind::Input);
  EXPECT_NE(what.find("newer faqsmith"), std::string::npos);
}

TEST_F(Store, DatabaseOfAnotherProgramIsRefusedAndUntouched) {
  const fs::path path = folder / "faqsmith.db";
  raw(path, "CREATE TABLE notes (text TEXT)");
  EXPECT_EQ(kind_of([&] { Database db(path); }), Kind::Input);
  raw(path, "INSERT INTO notes VALUES ('still here')");
}

TEST_F(Store, FileThatIsNoDatabaseIsRefused) {
  const fs::path path = folder / "faqsmith.db";
  std::ofstream(path) << std::string(8192, 'x');
  EXPECT_EQ(kind_of([&] { Database db(path); }), Kind::Input);
}

TEST_F(Store, OverwrittenPagesAreReportedAsDamage) {
  const fs::path path = folder / "faqsmith.db";
  {
    Database db(path);
    for (int i = 0; i < 2000; ++i) {
      SourceRow row;
      row.path = "a/rather/long/path/so/that/pages/fill/" + std::to_string(i);
      put_source(db, row);
    }
  }
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::string junk(4096 * 40, '\xee');
  file.seekp(4096);
  file.write(junk.data(), static_cast<std::streamsize>(junk.size()));
  file.close();
  EXPECT_EQ(kind_of([&] {
              Database db(path);
              (void)list_sources(db);
            }),
            Kind::Input);
}

TEST_F(Store, FullDiskIsOneSentenceAndLosesNothing) {
  Database db(folder / "faqsmith.db");
  SourceRow row;
  row.path = "first";
  put_source(db, row);
  db.execute("PRAGMA max_page_count = 40");
  std::string what;
  EXPECT_EQ(kind_of(
                [&] {
                  db.transaction([&] {
                    for (int i = 0;; ++i) {
                      row.path = std::string(2000, 'p') + std::to_string(i);
                      put_source(db, row);
                    }
                  });
                },
                &what),
            Kind::Io);
  EXPECT_NE(what.find("disk is full"), std::string::npos);
  EXPECT_NE(what.find("faqsmith.db"), std::string::npos);
  EXPECT_EQ(list_sources(db).size(), 1U);
}

TEST_F(Store, FailedTransactionLeavesNoRow) {
  Database db(folder / "faqsmith.db");
  EXPECT_THROW(db.transaction([&] {
    SourceRow row;
    row.path = "half";
    put_source(db, row);
    throw std::runtime_error("stop");
  }),
               std::runtime_error);
  EXPECT_TRUE(list_sources(db).empty());
  EXPECT_THROW(db.transaction([&] { db.transaction([] {}); }), Error);
  db.transaction([] {});
}

TEST_F(Store, RowsThatPointNowhereAreRefused) {
  Database db(folder / "faqsmith.db");
  FactRow fact;
  fact.section_id = 77;
  fact.key = "k";
  EXPECT_THROW(add_fact(db, fact), Error);
}

TEST_F(Store, MigrationRunsEveryStepInOneTransaction) {
  Database db(folder / "faqsmith.db");
  const Migration steps[] = {{1, "CREATE TABLE extra (a)"}, {2, "ALTER TABLE extra ADD COLUMN b"}};
  migrate(db, 1, 3, steps);
  db.execute("INSERT INTO extra (a, b) VALUES (1, 2)");
  Statement version = db.prepare("PRAGMA user_version");
  ASSERT_TRUE(version.step());
  EXPECT_EQ(version.integer(0), 3);
  const Migration broken[] = {{3, "CREATE TABLE more (a)"}, {4, "CREATE TABLE more (a)"}};
  EXPECT_THROW(migrate(db, 3, 5, broken), Error);
  EXPECT_THROW(migrate(db, 3, 4, steps), Error);
  Statement gone = db.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'more'");
  ASSERT_TRUE(gone.step());
  EXPECT_EQ(gone.integer(0), 0);
}

TEST_F(Store, ADatabaseOfSchemaOneIsRaised) {
  {
    Database db(folder / "faqsmith.db");
    PairRow pair;
    pair.key = "k";
    pair.question = "q";
    add_pair(db, pair);
    db.execute("ALTER TABLE pairs DROP COLUMN imported");
    db.execute("PRAGMA user_version = 1");
  }
  Database db(folder / "faqsmith.db");
  ASSERT_EQ(list_pairs(db).size(), 1u);
  EXPECT_EQ(list_pairs(db).front().question, "q");
  EXPECT_EQ(list_pairs(db).front().imported, "");
  Statement version = db.prepare("PRAGMA user_version");
  ASSERT_TRUE(version.step());
  EXPECT_EQ(version.integer(0), kSchemaVersion);
}

TEST_F(Store, SecondProcessIsRefusedByNameOfTheFirst) {
  Workspace first(folder / "w", Workspace::Mode::Create);
  std::string what;
  EXPECT_EQ(kind_of([&] { Workspace second(folder / "w", Workspace::Mode::Create); }, &what), Kind::Io);
  EXPECT_NE(what.find("pid " + std::to_string(getpid())), std::string::npos) << what;
}

TEST_F(Store, LockEndsWithItsHolder) {
  { Workspace first(folder / "w", Workspace::Mode::Create); }
  Workspace second(folder / "w", Workspace::Mode::Existing);
  EXPECT_TRUE(fs::is_directory(second.runs()));
}

TEST_F(Store, MissingWorkspaceSaysHowToMakeOne) {
  std::string what;
  EXPECT_EQ(kind_of([&] { Workspace none(folder / "none", Workspace::Mode::Existing); }, &what), Kind::User);
  EXPECT_NE(what.find("faqsmith build"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder / "none"));
}

TEST_F(Store, UnwritableFolderIsAnIoError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(kind_of([&] { Workspace none(folder / "w", Workspace::Mode::Create); }), Kind::Io);
}

TEST_F(Store, WorkspaceUnderAFileIsAnIoError) {
  std::ofstream(folder / "file") << "x";
  EXPECT_EQ(kind_of([&] { Workspace none(folder / "file" / "w", Workspace::Mode::Create); }), Kind::Io);
}

}  // namespace
}  // namespace faqsmith
