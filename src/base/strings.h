// Small helpers for bytes and ASCII; anything that needs Unicode lives in text/.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);  // keeps empty parts
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
[[nodiscard]] std::string_view trim(std::string_view text);  // ASCII white space at both ends
[[nodiscard]] std::string lower_ascii(std::string_view text);
[[nodiscard]] std::string replace_all(std::string text, std::string_view from, std::string_view to);
// The candidate nearest to word by edit distance, empty if none is near enough to suggest.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);
[[nodiscard]] std::string human_count(double n);    // 950, 12.3k, 4.56M
[[nodiscard]] std::string human_bytes(double n);    // 950 B, 12.3 MiB
[[nodiscard]] std::string human_seconds(double s);  // 42s, 3m 20s, 1h 05m

}  // namespace faqsmith
