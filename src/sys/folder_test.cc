// Folders and appended files: what is replaced, what is said. That nothing is lost by a crash:
// tests/power_loss_test.py.
#include "sys/folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "sys/append_file.h"
#include "sys/io_error.h"

namespace faqsmith {
namespace {

class Folders : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("faqsmith_folder_test_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void make(const fs::path& folder, const std::string& text) const {
    make_folders(folder_ / folder);
    write_file_atomic(folder_ / folder / "file", text);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.push_back(entry.path().filename());
    return out;
  }
  fs::path folder_;
};

TEST_F(Folders, AreMadeWithTheirParentsOnce) {
  make_folders(folder_ / "a/b/c/");
  make_folders(folder_ / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder_ / "a/b/c"));
  write_file_atomic(folder_ / "file", "x");
  EXPECT_THROW(make_folders(folder_ / "file"), Error);
  EXPECT_THROW(make_folders(folder_ / "file/below"), Error);
}

TEST_F(Folders, TakeTheNameOfAnotherWithAllThatIsInIt) {
  make("old", "old");
  write_file_atomic(folder_ / "old" / "more", "gone with it");
  make(".new", "new");
  replace_path(folder_ / ".new", folder_ / "old");
  EXPECT_EQ(read_file(folder_ / "old" / "file"), "new");
  EXPECT_FALSE(fs::exists(folder_ / "old" / "more"));
  EXPECT_THAT(names(), testing::ElementsAre("old"));
}

TEST_F(Folders, AFreeNameOrAFileIsTakenToo) {
  make(".new", "new");
  replace_path(folder_ / ".new", folder_ / "free");
  EXPECT_EQ(read_file(folder_ / "free" / "file"), "new");
  write_file_atomic(folder_ / "a", "a");
  write_file_atomic(folder_ / "b", "b");
  replace_path(folder_ / "a", folder_ / "b");
  EXPECT_EQ(read_file(folder_ / "b"), "a");
  EXPECT_THAT(names(), testing::UnorderedElementsAre("b", "free"));
}

TEST_F(Folders, WhatIsAbsentIsRemovedAlready) {
  make("a/b", "x");
  remove_tree(folder_ / "a");
  remove_tree(folder_ / "a");
  EXPECT_TRUE(names().empty());
}

TEST_F(Folders, ErrorsNameThePathAndSayWhatToDo) {
  try {
    sync_folder(folder_ / "absent");
    ADD_FAILURE() << "synced a folder that is not there";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Io);
    EXPECT_THAT(e.what(), testing::HasSubstr((folder_ / "absent").string()));
    EXPECT_THAT(e.what(), testing::HasSubstr("No such file"));
  }
  EXPECT_THAT(io_error(ENOSPC, "write", "f").hint(), testing::HasSubstr("free some disk space"));
  EXPECT_THAT(io_error(EIO, "write", "f").hint(), testing::HasSubstr("the disk's health"));
  EXPECT_THAT(io_error(EROFS, "write", "f").hint(), testing::HasSubstr("may write to"));
}

TEST_F(Folders, AnAppendedFileGrowsByWholeRecords) {
  write_file_atomic(folder_ / "log", "one\n");
  {
    AppendFile file(folder_ / "log");
    file.append("two\n");
    file.append(std::string(100000, 'x') + "\n");
    file.sync();
  }
  AppendFile(folder_ / "log").append("end\n");
  EXPECT_EQ(read_file(folder_ / "log"), "one\ntwo\n" + std::string(100000, 'x') + "\nend\n");
  EXPECT_THROW(AppendFile(folder_ / "absent"), Error);
}

}  // namespace
}  // namespace faqsmith
