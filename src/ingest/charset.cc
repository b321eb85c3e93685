// Detection in the order browsers use; conversion in pieces of bounded size.
#include "ingest/charset.h"

#include <iconv.h>

#include <cerrno>
#include <cstdint>

#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::size_t kPrescan = 4096;

struct Mark {
  std::string_view bytes, charset;
};
constexpr Mark kMarks[] = {{"\xEF\xBB\xBF", "UTF-8"}, {"\xFE\xFF", "UTF-16BE"}, {"\xFF\xFE", "UTF-16LE"}};

bool is_valid_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const std::size_t n = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || i + n > bytes.size()) return false;
    for (std::size_t k = 1; k < n; ++k) {
      if ((static_cast<unsigned char>(bytes[i + k]) & 0xC0) != 0x80) return false;
    }
    i += n;
  }
  return true;
}

class Converter {
 public:
  explicit Converter(const std::string& from) : handle_(iconv_open("UTF-8", from.c_str())) {}
  ~Converter() {
    if (known()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  [[nodiscard]] bool known() const { return reinterpret_cast<std::intptr_t>(handle_) != -1; }
  std::string run(std::string_view bytes, Counts& counts) {
    std::string out;
    std::string buffer(1 << 16, '\0');
    char* in = const_cast<char*>(bytes.data());  // iconv does not write to its input
    std::size_t in_left = bytes.size();
    while (in_left > 0) {
      char* target = buffer.data();
      std::size_t target_left = buffer.size();
      const std::size_t result = iconv(handle_, &in, &in_left, &target, &target_left);
      out.append(buffer.data(), buffer.size() - target_left);
      if (result != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
      out += kReplacement;
      ++counts[std::string(dropped::kInvalid)];
      ++in;
      --in_left;
    }
    return out;
  }

 private:
  iconv_t handle_;
};

// C libraries take NUL for the end of the text.
std::string without_nul(std::string text, Counts& counts) {
  const std::size_t n = std::erase(text, '\0');
  if (n > 0) counts[std::string(dropped::kControls)] += static_cast<std::int64_t>(n);
  return text;
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == ':' || c == '.';
}

}  // namespace

std::string html_charset(std::string_view bytes) {
  for (const Mark& mark : kMarks) {
    if (bytes.starts_with(mark.bytes)) return std::string(mark.charset);
  }
  const std::string head = lower_ascii(bytes.substr(0, kPrescan));
  // Any "charset=" near the top: <meta charset>, or the content of http-equiv.
  for (std::size_t at = head.find("charset"); at != std::string::npos; at = head.find("charset", at + 1)) {
    std::size_t i = at + std::string_view("charset").size();
    while (i < head.size() && (head[i] == ' ' || head[i] == '=' || head[i] == '"' || head[i] == '\'')) ++i;
    const std::size_t begin = i;
    while (i < head.size() && is_name(head[i])) ++i;
    if (i > begin && head[at + std::string_view("charset").size()] != '>') return head.substr(begin, i - begin);
  }
  return "";
}

std::string to_utf8(std::string_view bytes, std::string_view declared, Counts& counts) {
  std::string charset(declared);
  for (const Mark& mark : kMarks) {
    if (!bytes.starts_with(mark.bytes)) continue;
    bytes.remove_prefix(mark.bytes.size());
    charset = mark.charset;
    break;
  }
  const std::string lower = lower_ascii(charset);
  const bool says_utf8 = lower == "utf-8" || lower == "utf8";
  if ((says_utf8 || lower.empty()) && is_valid_utf8(bytes)) return without_nul(std::string(bytes), counts);
  // Browsers read Latin-1 and ASCII as Windows-1252, which contains them.
  const bool latin =
      lower.empty() || lower == "iso-8859-1" || lower == "latin1" || lower == "us-ascii" || lower == "ascii";
  Converter converter(latin ? "WINDOWS-1252" : charset);
  if (converter.known()) return without_nul(converter.run(bytes, counts), counts);
  return without_nul(Converter(is_valid_utf8(bytes) ? "UTF-8" : "WINDOWS-1252").run(bytes, counts), counts);
}

}  // namespace faqsmith
