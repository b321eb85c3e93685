// What commands print on standard output: plain text, aligned tables, one JSON value with --json. A closed pipe is no
// error.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

[[nodiscard]] bool colour_allowed(int fd);  // a terminal, and neither NO_COLOR nor TERM=dumb
void print(std::string_view text);          // as it is
void print_line(std::string_view text);
void print_error(std::string_view what, std::string_view hint, int exit_code, bool json);

// Columns as wide as their longest cell (in code points); numbers to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

[[nodiscard]] std::string wrap(std::string_view text, std::size_t width, std::string_view indent);
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);  // at commas or '|', trimmed

}  // namespace faqsmith
