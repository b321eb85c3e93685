// Children of this process: what comes back, and what does when there is none.
#include "sys/command.h"

#include <gtest/gtest.h>

namespace faqsmith {
namespace {

TEST(Command, ReturnsExitCodeAndBothStreams) {
  const auto result = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(Command, SaysThatAProgramIsMissing) {
  EXPECT_EQ(run_command({"faqsmith-no-such-program"}).exit_code, 127);
  EXPECT_FALSE(program_exists("faqsmith-no-such-program"));
  EXPECT_TRUE(program_exists("sh"));
}

TEST(Command, PassesArgumentsWithoutAShell) {
  EXPECT_EQ(run_command({"printf", "%s", "$HOME; a  b"}).output, "$HOME; a  b");
}

TEST(Command, KeepsTheEndOfALongOutput) {
  const auto result = run_command({"sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo end"});
  EXPECT_LE(result.output.size(), std::size_t{1} << 20);
  EXPECT_TRUE(result.output.ends_with("xend\n"));
}

}  // namespace
}  // namespace faqsmith
