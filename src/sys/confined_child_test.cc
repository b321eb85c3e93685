// What a confined program may not do, tried with a shell whose every attempt is a builtin.
#include "sys/confined_child.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "base/error.h"

namespace faqsmith {
namespace {

ConfinedResult bash(const std::string& script, ConfinedLimits limits = {}) {
  return run_confined({"bash", "--norc", "--noprofile", "-c", script}, "some input\n", limits);
}

TEST(ConfinedChild, ReadsItsInputAndAnswers) {
  const ConfinedResult result = bash("read line; echo \"got $line\"; echo oops >&2; exit 3");
  EXPECT_EQ(result.end, ConfinedEnd::Exited);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "got some input\n");
  EXPECT_EQ(result.errors, "oops\n");
}

TEST(ConfinedChild, CannotWriteFiles) {
  const std::string file = std::filesystem::temp_directory_path() / "faqsmith_confined_test";
  std::filesystem::remove(file);
  const ConfinedResult result = bash("echo x > " + file + " || echo refused");
  EXPECT_EQ(result.output, "refused\n");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(ConfinedChild, CannotReachTheNetwork) {
  const ConfinedResult result = bash("echo x > /dev/tcp/127.0.0.1/9 || echo refused");
  EXPECT_EQ(result.output, "refused\n");
  EXPECT_NE(result.errors.find("Permission denied"), std::string::npos) << result.errors;
}

TEST(ConfinedChild, CannotStartAnotherProgram) {
  EXPECT_EQ(bash("exec /bin/true").end, ConfinedEnd::Denied);
  const ConfinedResult forked = bash("(echo from a child); echo after");
  EXPECT_EQ(forked.output.find("from a child"), std::string::npos);
}

TEST(ConfinedChild, EndlessWorkIsStopped) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(bash("while :; do :; done", {.cpu_seconds = 1}).end, ConfinedEnd::TimeOut);
  EXPECT_EQ(bash("read -t 60 -u 1; while :; do :; done", {.cpu_seconds = 50, .wall_seconds = 1}).end,
            ConfinedEnd::TimeOut);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 20.0);
}

TEST(ConfinedChild, EndlessOutputIsStopped) {
  const ConfinedResult result =
      bash("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done", {.output_bytes = 100000});
  EXPECT_EQ(result.end, ConfinedEnd::TooMuchOutput);
  EXPECT_EQ(result.output.size(), 100000U);
}

TEST(ConfinedChild, MemoryIsBounded) {
  const ConfinedResult result =
      bash("a=aaaaaaaaaaaaaaaa; while :; do a=$a$a; done", {.memory_bytes = std::size_t{128} << 20});
  EXPECT_TRUE(result.end == ConfinedEnd::Crashed || result.exit_code != 0);
}

TEST(ConfinedChild, MissingProgramIsNamed) {
  try {
    (void)run_confined({"no-such-program-here"}, "", {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Device);
    EXPECT_NE(std::string(e.what()).find("no-such-program-here"), std::string::npos);
  }
}

}  // namespace
}  // namespace faqsmith
