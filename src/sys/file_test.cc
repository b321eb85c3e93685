// Files: what a crash or another program may do to them.
#include "sys/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "sys/map_guard.h"
#include "sys/scratch_file.h"

namespace faqsmith {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("faqsmith_file_test_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::size_t n_files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(Files, AreReadAsTheyWereWritten) {
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file_atomic(folder_ / "a", bytes);
  EXPECT_EQ(read_file(folder_ / "a"), bytes);
  EXPECT_EQ(n_files(), 1u);
}

TEST_F(Files, PiecesOfAnySizeKeepTheirOrder) {
  std::string expected;
  AtomicFile file(folder_ / "a");
  for (const std::size_t size : {3u, 1u << 20, 5u, (1u << 20) + 1, 0u, (1u << 20) - 1, 2u, 7u}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    file.write(piece);
    expected += piece;
    EXPECT_EQ(file.size(), expected.size());
  }
  file.commit();
  EXPECT_EQ(read_file(folder_ / "a"), expected);
}

TEST_F(Files, AScratchFileHoldsBytesWithoutAName) {
  ScratchFile file(folder_);
  file.write(5'000'000, "behind a gap", 12);
  file.write(3, "abc", 3);
  file.write(4, "x", 1);
  std::string there(12, ' '), start(3, ' ');
  file.read(5'000'000, there.data(), 12);
  file.read(3, start.data(), 3);
  EXPECT_EQ(there, "behind a gap");
  EXPECT_EQ(start, "axc");
  EXPECT_EQ(n_files(), 0u);
  EXPECT_THROW(ScratchFile{folder_ / "absent"}, Error);
}

TEST_F(Files, AnUncommittedFileLeavesTheOldOneAlone) {
  write_file_atomic(folder_ / "a", "old");
  {
    AtomicFile file(folder_ / "a");
    file.write(std::string(1 << 20, 'x'));
  }
  EXPECT_EQ(read_file(folder_ / "a"), "old");
  EXPECT_EQ(n_files(), 1u);
}

TEST_F(Files, ErrorsNameThePath) {
  try {
    (void)read_file(folder_ / "absent");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("absent"));
    EXPECT_EQ(error.kind(), Kind::Io);
  }
  EXPECT_THROW((void)read_file(folder_), Error);
  write_file_atomic(folder_ / "long", "12345");
  EXPECT_THROW((void)read_file(folder_ / "long", 4), Error);
}

TEST_F(Files, AMapThatShrankIsNoticed) {
  write_file_atomic(folder_ / "m", std::string(3 * 4096, 'm'));
  const MappedFile map(folder_ / "m");
  EXPECT_NO_THROW(map.revalidate());
  fs::resize_file(folder_ / "m", 100);
  EXPECT_THROW(map.revalidate(), Error);
}

TEST_F(Files, HashesAFileOfAnySizePieceByPiece) {
  const std::string large((std::size_t{5} << 20) / 2 + 7, 'x');
  write_file_atomic(folder_ / "large", large);
  write_file_atomic(folder_ / "none", "");
  EXPECT_EQ(sha256_file(folder_ / "large"), sha256_hex(large));
  EXPECT_EQ(sha256_file(folder_ / "none"), sha256_hex(""));
  EXPECT_THROW((void)sha256_file(folder_ / "absent"), Error);
  EXPECT_THROW((void)sha256_file(folder_), Error);
}

TEST_F(Files, AMapCutShortWhileItIsReadEndsWithAWord) {
  const fs::path path = folder_ / "model.gguf";
  const auto read_after_cut = [&path] {
    install_map_guard();
    write_file_atomic(path, std::string(3 * 4096, 'm'));
    const MappedFile map(path);
    fs::resize_file(path, 100);
    ::_exit(map.bytes()[2 * 4096] == std::byte{'m'} ? 0 : 2);
  };
  EXPECT_EXIT(read_after_cut(), testing::ExitedWithCode(1), "model.gguf was cut short while it was read");
}

}  // namespace
}  // namespace faqsmith
