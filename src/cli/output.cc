// Counting of columns is by code point: good enough for the scripts that terminals show one cell wide.
#include "cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

std::size_t columns_of(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u ? 1 : 0;
  return n;
}

bool looks_numeric(std::string_view cell) {
  return !cell.empty() && ((cell[0] >= '0' && cell[0] <= '9') || cell[0] == '+' || cell[0] == '-' || cell == "–");
}

}  // namespace

bool colour_allowed(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term != nullptr && std::string_view(term) == "dumb") return false;
  return ::isatty(fd) == 1;
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_line(std::string_view text) {
  print(std::string(text) + "\n");
}

void print_error(std::string_view what, std::string_view hint, int exit_code, bool json) {
  std::string out;
  if (json) {
    const nlohmann::ordered_json event = {{"event", "error"}, {"what", what}, {"hint", hint}, {"exit_code", exit_code}};
    out = json_text(event) + "\n";
  } else {
    const bool colour = colour_allowed(STDERR_FILENO);
    out = fmt::format("{}error:{} {}\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", what);
    if (!hint.empty()) out += fmt::format("  hint: {}\n", hint);
  }
  std::fputs(out.c_str(), stderr);
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns_of(row[c]));
  }
  std::vector<bool> numeric(widths.size(), rows_.size() > 1);
  for (std::size_t r = 1; r < rows_.size(); ++r) {
    for (std::size_t c = 0; c < rows_[r].size(); ++c)
      numeric[c] = numeric[c] && (rows_[r][c].empty() || looks_numeric(rows_[r][c]));
  }
  std::string out;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line(indent);
    for (std::size_t c = 0; c < rows_[r].size(); ++c) {
      const std::string padding(widths[c] - columns_of(rows_[r][c]), ' ');
      line += (c > 0 ? "  " : "") + (numeric[c] ? padding + rows_[r][c] : rows_[r][c] + padding);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
    if (r == 0) {
      std::string rule;
      for (std::size_t c = 0; c < widths.size(); ++c) {
        rule += c > 0 ? "  " : "";
        for (std::size_t i = 0; i < widths[c]; ++i) rule += "─";
      }
      out += std::string(indent) + rule + "\n";
    }
  }
  return out;
}

std::string wrap(std::string_view text, std::size_t width, std::string_view indent) {
  std::string out, line;
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!line.empty() && columns_of(indent) + columns_of(line) + 1 + columns_of(word) > width) {
      out += std::string(indent) + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
  }
  return line.empty() ? out : out + std::string(indent) + line + "\n";
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  for (const auto part : split(text, text.find('|') != std::string_view::npos ? '|' : ',')) {
    if (!trim(part).empty()) items.emplace_back(trim(part));
  }
  return items;
}

}  // namespace faqsmith
