// cmark-gfm renders HTML, the HTML reader takes it from there: one way for headings, lists, tables and hidden text.
// Before, depth is capped, because cmark looks at every open container for every line.
#include "ingest/markdown_reader.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "base/strings.h"
#include "ingest/charset.h"
#include "ingest/html_reader.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxContainers = 64;  // quote and list markers at the start of one line
constexpr std::size_t kMaxRepeat = 256;     // the same bracket or marker in a row
constexpr std::size_t kMaxBrackets = 4000;  // "[" in one paragraph: cmark looks back at each that is still open
constexpr std::size_t kMaxColumns = 256;    // of a table: cmark fills every row to its header's width

// Length of the container marker at line[i] ("> ", "- ", "12. "), 0 if there is none.
std::size_t container_marker(std::string_view line, std::size_t i) {
  const auto spaced = [&](std::size_t at) {
    return at + 1 < line.size() && (line[at + 1] == ' ' || line[at + 1] == '\t');
  };
  if (line[i] == '>') return 1;
  if (line[i] == '-' || line[i] == '+' || line[i] == '*') return spaced(i) ? 1 : 0;
  std::size_t end = i;
  while (end < line.size() && line[end] >= '0' && line[end] <= '9') ++end;
  return end > i && end < line.size() && (line[end] == '.' || line[end] == ')') && spaced(end) ? end + 1 - i : 0;
}

// Where the n-th container marker at the start of the line ends (all of them: where the text begins).
std::size_t skip_containers(std::string_view line, std::size_t n) {
  std::size_t i = 0;
  while (i < line.size()) {
    const bool space = line[i] == ' ' || line[i] == '\t';
    const std::size_t marker = space ? 1 : container_marker(line, i);
    if (marker == 0 || (!space && n-- == 0)) break;
    i += marker;
  }
  return i;
}

// Leading "> > - - > …": markers beyond the cap go.
std::string_view without_deep_containers(std::string_view line, std::string& out, DocumentBuilder& builder) {
  const std::size_t kept = skip_containers(line, kMaxContainers);
  const std::size_t text = skip_containers(line, line.size());
  if (kept == text) return line;
  out += line.substr(0, kept);
  builder.drop(dropped::kTooDeep);
  return line.substr(text);
}

bool is_marker(char c) {
  return std::string_view("[]()!*_<>`~&|\\#").find(c) != std::string_view::npos;
}

// No text repeats a bracket hundreds of times; a parser's bad cases do.
class Tamer {
 public:
  explicit Tamer(DocumentBuilder& builder) : builder_(builder) {}
  std::string run(std::string_view markdown) {
    out_.reserve(markdown.size());
    for (std::size_t at = 0; at < markdown.size();) {
      std::size_t end = markdown.find('\n', at);
      if (end == std::string_view::npos) end = markdown.size();
      add_line(markdown.substr(at, end - at));
      at = end + 1;
    }
    return std::move(out_);
  }

 private:
  void add_line(std::string_view line) {
    const std::string_view rest = without_deep_containers(line, out_, builder_);
    const std::string_view text = trim(rest);
    if (text.empty() || text[0] == '#' || container_marker(text, 0) > 0) n_brackets_ = 0;  // a new paragraph
    if (is_wide_table(text)) {
      builder_.drop(dropped::kTooDeep);
    } else {
      add_text(rest);
    }
    out_ += '\n';
  }

  static bool is_wide_table(std::string_view line) {
    if (line.find_first_not_of("|:- \t") != std::string_view::npos) return false;
    return static_cast<std::size_t>(std::count(line.begin(), line.end(), '|')) > kMaxColumns;
  }

  void add_text(std::string_view text) {
    std::size_t run = 0;
    bool flooded = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      run = i > 0 && text[i] == text[i - 1] ? run + 1 : 1;
      if (text[i] == '[') ++n_brackets_;
      const bool flood = (run > kMaxRepeat && is_marker(text[i])) || (text[i] == '[' && n_brackets_ > kMaxBrackets);
      flooded = flooded || flood;
      if (!flood) out_ += text[i];
    }
    if (flooded) builder_.drop(dropped::kTooDeep);
  }

  DocumentBuilder& builder_;
  std::string out_;
  std::size_t n_brackets_ = 0;
};

std::string_view unquoted(std::string_view value) {
  value = trim(value);
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
    value = value.substr(1, value.size() - 2);
  }
  return value;
}

// "---\nkey: value\n---": removed; only title and language are of interest.
std::string_view take_front_matter(std::string_view markdown, DocumentBuilder& builder) {
  if (!markdown.starts_with("---\n") && !markdown.starts_with("---\r\n")) return markdown;
  std::size_t at = markdown.find('\n') + 1;
  std::string_view title, language;
  while (at < markdown.size()) {
    std::size_t end = markdown.find('\n', at);
    if (end == std::string_view::npos) end = markdown.size();
    const std::string_view line = trim(markdown.substr(at, end - at));
    at = std::min(end + 1, markdown.size());
    if (line == "---" || line == "...") {
      builder.set_title(unquoted(title));
      if (!language.empty()) builder.set_language(unquoted(language));
      return markdown.substr(at);
    }
    if (line.starts_with("title:")) title = line.substr(6);
    if (line.starts_with("lang:")) language = line.substr(5);
    if (line.starts_with("language:")) language = line.substr(9);
  }
  return markdown;  // it never ends: a rule at the top of a text
}

std::string to_html(const std::string& markdown) {
  static std::once_flag registered;
  std::call_once(registered, cmark_gfm_core_extensions_ensure_registered);
  constexpr int kOptions = CMARK_OPT_UNSAFE | CMARK_OPT_FOOTNOTES;  // raw HTML passes: the HTML reader judges it
  const std::unique_ptr<cmark_parser, decltype(&cmark_parser_free)> parser(cmark_parser_new(kOptions),
                                                                           cmark_parser_free);
  for (const char* name : {"table", "strikethrough"}) {
    if (cmark_syntax_extension* extension = cmark_find_syntax_extension(name)) {
      cmark_parser_attach_syntax_extension(parser.get(), extension);
    }
  }
  cmark_parser_feed(parser.get(), markdown.data(), markdown.size());
  const std::unique_ptr<cmark_node, decltype(&cmark_node_free)> root(cmark_parser_finish(parser.get()),
                                                                     cmark_node_free);
  const std::unique_ptr<char, decltype(&std::free)> html(
      cmark_render_html(root.get(), kOptions, cmark_parser_get_syntax_extensions(parser.get())), std::free);
  return html.get();
}

}  // namespace

Document read_markdown(std::string_view bytes) {
  DocumentBuilder builder;
  Counts counts;
  const std::string utf8 = to_utf8(bytes, "UTF-8", counts);
  for (const auto& [name, n] : counts) builder.drop(name, n);
  const std::string_view body = take_front_matter(utf8, builder);
  read_html_into(to_html(Tamer(builder).run(body)), builder);
  return builder.finish();
}

}  // namespace faqsmith
