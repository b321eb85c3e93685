// The event file against bytes that TensorBoard's own library wrote (tools/oracle/event_file_golden.py).
#include "train/event_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

namespace faqsmith {
namespace {

const Scalar kFirst[] = {{"train/loss", 2.5f}, {"train/learning_rate", 1e-4f}};
const Scalar kSecond[] = {{"validation/loss", 0.125f}};

class EventFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("events_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  // The steps whose record is in the file, by their bytes: wall times are cut out.
  [[nodiscard]] std::size_t n_records() const {
    const std::string text = read_file(folder_ / "e");
    std::size_t n = 0;
    for (std::size_t at = 0; at + 16 <= text.size(); ++n) {
      std::uint64_t length = 0;
      std::memcpy(&length, text.data() + at, 8);
      at += static_cast<std::size_t>(length) + 16;
    }
    return n;
  }
  fs::path folder_;
};

TEST(EventRecords, ChecksumIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventRecords, AreTheBytesThatTensorBoardWrites) {
  const std::string golden = read_file(std::string(FAQSMITH_SOURCE_DIR) + "/tests/golden/events.tfevents");
  const Scalar odd[] = {{"train/gradient_norm", NAN}, {"train/tokens_per_second", 1234.0f}};
  EXPECT_EQ(event_file_start(1700000000.25) + event_record(1700000001.5, 1, kFirst) +
                event_record(1700000002.5, 300, kSecond) + event_record(1700000003.5, 70000, odd),
            golden);
}

TEST_F(EventFileTest, AResumedRunKeepsWhatItsCheckpointKnows) {
  {
    EventFile file(folder_ / "e", 0);
    for (std::int64_t step = 1; step <= 300; ++step) file.add(step, kFirst);
  }
  EXPECT_EQ(n_records(), 301u);
  { const EventFile again(folder_ / "e", 200); }
  EXPECT_EQ(n_records(), 201u);
  { const EventFile fresh(folder_ / "e", 0); }
  EXPECT_EQ(n_records(), 1u);
}

TEST_F(EventFileTest, ADamagedTailIsDropped) {
  {
    EventFile file(folder_ / "e", 0);
    for (std::int64_t step = 1; step <= 20; ++step) file.add(step, kSecond);
  }
  const std::string whole = read_file(folder_ / "e");
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) {
    write_file_atomic(folder_ / "e", whole.substr(0, cut));
    { const EventFile again(folder_ / "e", 20); }
    EXPECT_LE(n_records(), 21u);
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  write_file_atomic(folder_ / "e", flipped);
  { const EventFile again(folder_ / "e", 20); }
  EXPECT_LT(n_records(), 21u);
  EXPECT_GT(n_records(), 5u);
}

}  // namespace
}  // namespace faqsmith
