// The three ways to show work: bars on a terminal, lines in a pipe, JSON lines with --json. All write to standard
// error: standard output holds the result alone.
#pragma once
#include <memory>
#include <string>

#include "base/reporter.h"

namespace faqsmith {

enum class Loudness { Normal, Quiet };  // Quiet: warnings only

[[nodiscard]] std::unique_ptr<Reporter> terminal_reporter(Loudness loudness, bool colour);
[[nodiscard]] std::unique_ptr<Reporter> line_reporter(Loudness loudness);
[[nodiscard]] std::unique_ptr<Reporter> json_reporter(Loudness loudness);

// How one bar looks; split from the terminal so that a test can read it. width: columns.
struct BarState {
  std::string what, unit, detail;
  std::int64_t done = 0, total = 0;
  double elapsed_s = 0;
  // At the first report. What was done before, perhaps by an earlier process, tells nothing about the speed.
  std::int64_t first_done = 0;
  double first_s = 0;
};
[[nodiscard]] std::string draw_bar(const BarState& bar, std::size_t width);
// Remaining seconds at the rate since the first report; negative while nothing can be said.
[[nodiscard]] double remaining_s(const BarState& bar);

}  // namespace faqsmith
