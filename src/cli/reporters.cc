// Writes with fputs to stderr, one call a line, so that lines of a pipe stay whole.
#include "cli/reporters.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/log.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRedrawS = 0.1;
constexpr double kPlainLineS = 10.0;
constexpr std::size_t kBarCells = 24;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

// Bytes of text that fit into `columns` code points.
std::string clip(const std::string& text, std::size_t columns) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0u) == 0x80u) continue;
    if (++count > columns) return text.substr(0, i);
  }
  return text;
}

// Units a second; 0 while nothing can be said.
double rate_of(const BarState& bar) {
  const double seconds = bar.elapsed_s - bar.first_s;
  return seconds < 0.5 ? 0 : static_cast<double>(std::max<std::int64_t>(bar.done - bar.first_done, 0)) / seconds;
}

std::string rate_text(const BarState& bar) {
  const double rate = rate_of(bar);
  if (rate <= 0) return "";
  return rate >= 1 ? fmt::format("{} {}/s", rate < 10 ? fmt::format("{:.1f}", rate) : human_count(rate), bar.unit)
                   : fmt::format("{:.1f} s/{}", 1 / rate,
                                 bar.unit.ends_with("s") ? bar.unit.substr(0, bar.unit.size() - 1) : bar.unit);
}

// What all three share: the state of the one open bar, and the log file.
class BaseReporter : public Reporter {
 public:
  explicit BaseReporter(Loudness loudness) : loudness_(loudness) {}
  void begin(std::string_view what, std::int64_t total, std::string_view unit) override {
    if (open_ && bar_.what == what) {  // the same work, planned anew
      bar_.total = total;
    } else {
      bar_ = BarState{std::string(what), std::string(unit), "", 0, total, 0};
      start_ = last_ = Clock::now();
      open_ = true;
      reported_ = false;
    }
    log(LogLevel::Info, fmt::format("begin: {} ({} {})", what, total, unit));
    on_begin();
  }
  void update(std::int64_t done, std::string_view detail) override {
    bar_.done = done;
    bar_.detail = detail;
    bar_.elapsed_s = seconds_since(start_);
    if (!reported_) {
      bar_.first_done = done;
      bar_.first_s = bar_.elapsed_s;
      reported_ = true;
    }
    if (open_ && seconds_since(last_) >= interval_s()) {
      last_ = Clock::now();
      on_progress();
    }
  }
  void end(std::string_view summary) override {
    bar_.elapsed_s = seconds_since(start_);
    log(LogLevel::Info, fmt::format("end: {}: {} ({})", bar_.what, summary, human_seconds(bar_.elapsed_s)));
    on_end(summary);
    open_ = false;
  }
  void note(std::string_view line) override {
    log(LogLevel::Info, line);
    on_line(line, LogLevel::Info);
  }
  void warn(std::string_view line) override {
    log(LogLevel::Warning, line);
    on_line(line, LogLevel::Warning);
  }

 protected:
  virtual void on_begin() = 0;
  virtual void on_progress() = 0;
  virtual void on_end(std::string_view summary) = 0;
  virtual void on_line(std::string_view line, LogLevel level) = 0;
  [[nodiscard]] virtual double interval_s() const = 0;
  [[nodiscard]] bool quiet() const { return loudness_ == Loudness::Quiet; }

  BarState bar_;
  Clock::time_point start_, last_;
  bool open_ = false, reported_ = false;

 private:
  Loudness loudness_;
};

class TerminalReporter final : public BaseReporter {
 public:
  TerminalReporter(Loudness loudness, bool colour) : BaseReporter(loudness), colour_(colour) {}
  ~TerminalReporter() override { clear(); }

 private:
  void clear() {
    if (drawn_) std::fputs("\r\033[K", stderr);
    drawn_ = false;
  }
  void on_begin() override { on_progress(); }
  void on_progress() override {
    if (quiet()) return;
    std::fputs(("\r\033[K" + draw_bar(bar_, terminal_width() - 1)).c_str(), stderr);
    drawn_ = true;
  }
  void on_end(std::string_view summary) override {
    clear();
    if (quiet()) return;
    const std::string mark = colour_ ? "\033[32m✓\033[0m" : "✓";
    std::fputs(fmt::format("{} {}: {} ({})\n", mark, bar_.what, summary, human_seconds(bar_.elapsed_s)).c_str(),
               stderr);
  }
  void on_line(std::string_view line, LogLevel level) override {
    if (quiet() && level == LogLevel::Info) return;
    const bool redraw = drawn_;
    clear();
    const char* head = level == LogLevel::Info ? "" : colour_ ? "\033[33mwarning:\033[0m " : "warning: ";
    std::fputs(fmt::format("{}{}\n", head, line).c_str(), stderr);
    if (redraw) on_progress();
  }
  [[nodiscard]] double interval_s() const override { return kRedrawS; }
  bool colour_, drawn_ = false;
};

class LineReporter final : public BaseReporter {
 public:
  using BaseReporter::BaseReporter;

 private:
  void on_begin() override {
    if (!quiet()) std::fputs(fmt::format("{} ({} {}) …\n", bar_.what, bar_.total, bar_.unit).c_str(), stderr);
  }
  void on_progress() override {
    if (quiet()) return;
    const double left = remaining_s(bar_);
    std::fputs(
        fmt::format("{}: {}/{} {}, {}{}{}\n", bar_.what, bar_.done, bar_.total, bar_.unit, rate_text(bar_),
                    left < 0 ? "" : ", " + human_seconds(left) + " left", bar_.detail.empty() ? "" : ", " + bar_.detail)
            .c_str(),
        stderr);
  }
  void on_end(std::string_view summary) override {
    if (!quiet()) {
      std::fputs(fmt::format("{}: {} ({})\n", bar_.what, summary, human_seconds(bar_.elapsed_s)).c_str(), stderr);
    }
  }
  void on_line(std::string_view line, LogLevel level) override {
    if (quiet() && level == LogLevel::Info) return;
    std::fputs(fmt::format("{}{}\n", level == LogLevel::Info ? "" : "warning: ", line).c_str(), stderr);
  }
  [[nodiscard]] double interval_s() const override { return kPlainLineS; }
};

class JsonReporter final : public BaseReporter {
 public:
  using BaseReporter::BaseReporter;

 private:
  static void write(const nlohmann::ordered_json& event) { std::fputs((json_text(event) + "\n").c_str(), stderr); }
  void on_begin() override {
    if (!quiet()) write({{"event", "begin"}, {"what", bar_.what}, {"total", bar_.total}, {"unit", bar_.unit}});
  }
  void on_progress() override {
    if (quiet()) return;
    write({{"event", "progress"},
           {"what", bar_.what},
           {"done", bar_.done},
           {"total", bar_.total},
           {"unit", bar_.unit},
           {"elapsed_s", bar_.elapsed_s},
           {"detail", bar_.detail}});
  }
  void on_end(std::string_view summary) override {
    if (!quiet()) write({{"event", "end"}, {"what", bar_.what}, {"summary", summary}, {"elapsed_s", bar_.elapsed_s}});
  }
  void on_line(std::string_view line, LogLevel level) override {
    if (level == LogLevel::Info && quiet()) return;
    write({{"event", level == LogLevel::Info ? "note" : "warning"}, {"text", line}});
  }
  [[nodiscard]] double interval_s() const override { return 1.0; }
};

}  // namespace

double remaining_s(const BarState& bar) {
  const double rate = rate_of(bar);
  if (bar.total <= 0 || rate <= 0) return -1;
  return static_cast<double>(std::max<std::int64_t>(bar.total - bar.done, 0)) / rate;
}

std::string draw_bar(const BarState& bar, std::size_t width) {
  const double share =
      bar.total > 0 ? std::clamp(static_cast<double>(bar.done) / static_cast<double>(bar.total), 0.0, 1.0) : 0;
  const auto full = static_cast<std::size_t>(share * static_cast<double>(kBarCells));
  std::string cells;
  for (std::size_t i = 0; i < kBarCells; ++i) cells += i < full ? "█" : "░";
  std::string line = bar.total > 0
                         ? fmt::format("{} {} {:3.0f}% {}/{}", bar.what, cells, share * 100, bar.done, bar.total)
                         : fmt::format("{} {} {}", bar.what, bar.done, bar.unit);
  if (const double left = remaining_s(bar); left >= 0) line += ", " + human_seconds(left) + " left";
  if (const std::string rate = rate_text(bar); !rate.empty()) line += ", " + rate;
  if (!bar.detail.empty()) line += ", " + bar.detail;
  return clip(line, width);
}

std::unique_ptr<Reporter> terminal_reporter(Loudness loudness, bool colour) {
  return std::make_unique<TerminalReporter>(loudness, colour);
}
std::unique_ptr<Reporter> line_reporter(Loudness loudness) {
  return std::make_unique<LineReporter>(loudness);
}
std::unique_ptr<Reporter> json_reporter(Loudness loudness) {
  return std::make_unique<JsonReporter>(loudness);
}

}  // namespace faqsmith
