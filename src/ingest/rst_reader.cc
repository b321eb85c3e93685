// Nested bodies (list items, directives, quotes) are ranges of lines on a stack of regions, so depth costs no
// recursion; it is capped, because every level looks at the lines of its body once more.
#include "ingest/rst_reader.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "ingest/charset.h"
#include "ingest/normalize.h"
#include "ingest/rst_directives.h"
#include "ingest/rst_names.h"
#include "ingest/rst_scan.h"
#include "ingest/rst_table.h"

namespace faqsmith {
namespace {

constexpr int kMaxDepth = 48;
constexpr int kBoldHeadingLevel = 7;
constexpr std::size_t kFreeExpansion = 1 << 16;  // bytes that substitutions may add to a file beyond its own size
constexpr std::ptrdiff_t kSentence = 3;  // spaces in an image's alternative text from which on it says something

// Lines [begin, end) that stand at column base.
struct Region {
  std::size_t begin = 0, end = 0, base = 0;
  int depth = 0;
  BlockKind kind = BlockKind::Paragraph;  // of its running text
  bool item = false;                      // its first paragraph is a list item's text
  bool sections = false;                  // titles may stand in it
  int list_depth = 0, enclosing = 0;
  std::string prefix;  // said before its first paragraph: "Note:", "[1]", a field's name
};

struct Directive {
  std::string name;
  std::vector<std::string_view> arguments;  // lines
  std::map<std::string, std::string, std::less<>> options;
  std::size_t begin = 0, end = 0;  // lines of its content
};

class RstParser {
 public:
  RstParser(std::string_view text, DocumentBuilder& builder) : builder_(builder), lines_(cut_rst_lines(text)) {
    names_ = collect_rst_names(lines_);
    names_.budget = text.size() + kFreeExpansion;
  }

  void run() {
    regions_.push_back({.begin = 0, .end = lines_.size(), .sections = true, .prefix = {}});
    while (!regions_.empty()) {
      Region region = std::move(regions_.back());
      regions_.pop_back();
      step(region);
      if (region.begin < region.end) regions_.push_back(std::move(region));
      if (nested_) regions_.push_back(std::move(*nested_));
      nested_.reset();
    }
    builder_.drop(dropped::kTooDeep, static_cast<std::int64_t>(names_.n_refused));
  }

 private:
  // Lines.
  [[nodiscard]] bool blank(std::size_t i) const { return i >= lines_.size() || lines_[i].text.empty(); }
  [[nodiscard]] RstLines lines(std::size_t begin, std::size_t end) const {
    return RstLines(lines_).subspan(begin, end - begin);
  }
  // Behind the last line of the run that stands at column or further right.
  [[nodiscard]] std::size_t body_end(std::size_t begin, std::size_t end, std::size_t column) const {
    return begin + rst_body_length(lines(begin, std::max(begin, end)), column);
  }
  [[nodiscard]] std::size_t margin(std::size_t begin, std::size_t end, std::size_t otherwise) const {
    return rst_margin(lines(begin, end), otherwise);
  }

  // Blocks.
  void add(Region& region, BlockKind kind, std::string text, int level = 0);
  void add_prefix(Region& region);
  void add_paragraph(Region& region, std::string_view text);
  void add_table(Region& region, std::vector<FlowBlock> table);
  void nest(Region& region, Region body);
  [[nodiscard]] static Region inside(const Region& region, std::size_t begin, std::size_t end, std::size_t base);

  // One construct at region.begin: consumed, its body left in nested_.
  void step(Region& region);
  bool list_item(Region& region);
  bool marked_body(Region& region);
  bool lines_as_they_are(Region& region);
  bool table(Region& region);
  bool explicit_markup(Region& region);
  bool title(Region& region);
  void text(Region& region);
  void literal_block(Region& region);
  void body_behind(Region& region, std::size_t offset, Region body);

  // Directives.
  [[nodiscard]] Directive take_directive(const Region& region, std::string_view name, std::string_view first,
                                         std::size_t end);
  std::size_t take_options(std::size_t begin, std::size_t end, Directive& directive);
  void directive(Region& region, std::string_view name, std::size_t offset, std::size_t end);
  void directive_with_arguments(Region& region, const Directive& directive, const RstDirective& known);
  void version(Region& region, const Directive& directive, std::string_view label);
  void code(Region& region, const Directive& directive);

  DocumentBuilder& builder_;
  std::vector<RstLine> lines_;  // a line whose marker is taken keeps only what stands behind it
  std::vector<Region> regions_;
  std::optional<Region> nested_;
  std::vector<std::string> styles_;  // of titles, the outermost first
  RstNames names_;
  int n_auto_notes_ = 0;
};

void RstParser::add(Region& region, BlockKind kind, std::string text, int level) {
  add_prefix(region);
  Block block;
  block.kind = kind;
  block.text = std::move(text);
  block.level = level;
  block.enclosing = region.enclosing;
  builder_.add(std::move(block));
}

// A prefix that found no paragraph to stand before.
void RstParser::add_prefix(Region& region) {
  if (region.prefix.empty()) return;
  const std::string prefix = std::exchange(region.prefix, {});
  add_paragraph(region, prefix);
}

void RstParser::add_paragraph(Region& region, std::string_view text) {
  std::string whole = std::exchange(region.prefix, {});
  if (!whole.empty()) whole += ' ';
  whole += text;
  if (region.item) {
    region.item = false;
    add(region, BlockKind::ListItem, std::move(whole), region.list_depth);
  } else {
    add(region, region.kind, std::move(whole));
  }
}

void RstParser::add_table(Region& region, std::vector<FlowBlock> table) {
  add_prefix(region);
  if (table.empty()) builder_.drop(dropped::kTooDeep);
  for (FlowBlock& flow : table) {
    flow.block.enclosing = region.enclosing;
    builder_.add(std::move(flow.block));
  }
}

Region RstParser::inside(const Region& region, std::size_t begin, std::size_t end, std::size_t base) {
  Region body;
  body.begin = begin;
  body.end = end;
  body.base = base;
  body.depth = region.depth + 1;
  body.kind = region.kind;
  body.list_depth = region.list_depth;
  body.enclosing = region.enclosing;
  return body;
}

void RstParser::nest(Region& region, Region body) {
  if (!region.prefix.empty()) add_prefix(region);
  if (body.begin >= body.end) return;
  if (body.depth <= kMaxDepth) {
    nested_ = std::move(body);
    return;
  }
  builder_.drop(dropped::kTooDeep);
  add_paragraph(body, rst_inline(rst_joined(lines(body.begin, body.end)), names_));
}

void RstParser::step(Region& region) {
  while (region.begin < region.end && blank(region.begin)) ++region.begin;
  if (region.begin >= region.end) return;
  const RstLine& line = lines_[region.begin];
  if (line.indent > region.base) {
    const std::size_t end = body_end(region.begin, region.end, region.base + 1);
    Region quote = inside(region, region.begin, end, margin(region.begin, end, line.indent));
    region.begin = end;
    nest(region, std::move(quote));
    return;
  }
  region.base = line.indent;
  if (list_item(region) || marked_body(region) || lines_as_they_are(region) || table(region) ||
      explicit_markup(region) || title(region)) {
    return;
  }
  text(region);
}

bool RstParser::list_item(Region& region) {
  const std::size_t i = region.begin;
  std::size_t marker = bullet_marker(lines_[i].text);
  if (marker == 0) {
    marker = enumerator_marker(lines_[i].text);
    // "A. Einstein wrote" wrapped over two lines is no list.
    const bool goes_on = i + 1 < region.end && !blank(i + 1) && lines_[i + 1].indent <= region.base &&
                         enumerator_marker(lines_[i + 1].text) == 0;
    if (marker == 0 || goes_on) return false;
  }
  Region body = inside(region, i, i, 0);
  body.kind = BlockKind::Paragraph;
  body.item = true;
  ++body.list_depth;
  if (marker == lines_[i].text.size()) {
    body.begin = i + 1;
    body.end = body_end(i + 1, region.end, region.base + 1);
    body.base = margin(body.begin, body.end, region.base + 1);
    region.begin = body.end;
  } else {
    lines_[i].text.remove_prefix(marker);
    lines_[i].indent += marker;
    body.base = lines_[i].indent;
    body.end = body_end(i + 1, region.end, body.base);
    region.begin = body.end;
  }
  nest(region, std::move(body));
  return true;
}

// What stands behind a marker of the given length, and the lines below it that are indented.
void RstParser::body_behind(Region& region, std::size_t offset, Region body) {
  const std::size_t i = region.begin;
  body.begin = i;
  body.end = body_end(i + 1, region.end, region.base + 1);
  body.base = margin(i + 1, body.end, region.base + 1);
  lines_[i].text.remove_prefix(std::min(offset, lines_[i].text.size()));
  lines_[i].indent = body.base;
  region.begin = body.end;
  nest(region, std::move(body));
}

// Fields and options: a name, then text.
bool RstParser::marked_body(Region& region) {
  const std::string_view line = lines_[region.begin].text;
  if (const auto field = field_marker(line)) {
    Region body = inside(region, 0, 0, 0);
    const std::string name = rst_inline(field->name, names_);
    const bool setting = name == "orphan" || name == "tocdepth" || name == "nocomments" || name == "nosearch";
    if (setting) {
      region.begin = body_end(region.begin + 1, region.end, region.base + 1);
      return true;
    }
    body.prefix = name + ":";
    body_behind(region, field->length, std::move(body));
    return true;
  }
  const std::size_t option = option_marker(line);
  const bool alone = option == line.size();
  const bool described = region.begin + 1 < region.end && lines_[region.begin + 1].indent > region.base;
  if (option == 0 || (alone && !described)) return false;
  Region body = inside(region, 0, 0, 0);
  ++body.enclosing;
  body.kind = BlockKind::Definition;
  add(region, BlockKind::Term, std::string(trim(line.substr(0, option))));
  body_behind(region, option, std::move(body));
  return true;
}

// Doctests and line blocks.
bool RstParser::lines_as_they_are(Region& region) {
  const std::size_t i = region.begin;
  const std::string_view line = lines_[i].text;
  std::size_t end = i;
  if (line.starts_with(">>>") && (line.size() == 3 || line[3] == ' ')) {
    while (end < region.end && !blank(end)) ++end;
    add(region, BlockKind::Code, rst_raw(lines(i, end)));
  } else if (line.starts_with("| ") || line == "|") {
    std::string whole;
    while (end < region.end && !blank(end)) {
      std::string_view part = lines_[end].text;
      const bool starts = lines_[end].indent == region.base && (part.starts_with("| ") || part == "|");
      if (!starts && lines_[end].indent <= region.base) break;
      if (!whole.empty()) whole += starts ? '\n' : ' ';
      whole += trim(starts ? part.substr(1) : part);
      ++end;
    }
    add_paragraph(region, rst_inline(whole, names_));
  } else {
    return false;
  }
  region.begin = end;
  return true;
}

bool RstParser::table(Region& region) {
  const RstLines rest = lines(region.begin, region.end);
  if (const std::size_t n = grid_table_length(rest, region.base); n > 0) {
    region.begin += n;
    add_table(region, read_grid_table(rest.first(n), names_));
    return true;
  }
  const std::size_t n = simple_table_length(rest, region.base);
  if (n == 0) return false;
  region.begin += n;
  add_table(region, read_simple_table(rest.first(n), names_));
  return true;
}

bool RstParser::explicit_markup(Region& region) {
  const std::size_t i = region.begin;
  const std::string_view line = lines_[i].text;
  const bool anonymous = line.starts_with("__ ") || line == "__";
  if (!anonymous && (!line.starts_with("..") || (line.size() > 2 && line[2] != ' '))) return false;
  const std::size_t end = body_end(i + 1, region.end, region.base + 1);
  if (anonymous) {
    region.begin = end;
    return true;
  }
  const std::size_t offset = std::min(line.find_first_not_of(' ', 2), line.size());
  const std::string_view rest = line.substr(offset);
  if (rest.empty() && blank(i + 1)) {  // an empty comment: what is indented below is not its text
    region.begin = i + 1;
    return true;
  }
  if (const auto note = note_marker(rest)) {
    Region body = inside(region, 0, 0, 0);
    const bool automatic = note->name == "#";
    body.prefix = "[" + (automatic ? std::to_string(++n_auto_notes_) : std::string(note->name)) + "]";
    body_behind(region, offset + note->length, std::move(body));
    return true;
  }
  const auto name = directive_marker(rest);
  if (!name || rest[0] == '_' || rest[0] == '|') {  // a target, a substitution or a comment
    region.begin = end;
    return true;
  }
  directive(region, name->name, offset + name->length, end);
  region.begin = end;
  return true;
}

// Takes ":name: value" lines at the start of [begin, end); returns the first line behind them.
std::size_t RstParser::take_options(std::size_t begin, std::size_t end, Directive& directive) {
  std::size_t i = begin;
  while (i < end && !blank(i)) {
    const auto option = field_marker(lines_[i].text);
    if (!option) break;
    std::string value(lines_[i].text.substr(option->length));
    const std::size_t column = lines_[i].indent;
    for (++i; i < end && !blank(i) && lines_[i].indent > column; ++i) value += '\n' + std::string(lines_[i].text);
    directive.options[std::string(option->name)] = std::move(value);
  }
  return i;
}

Directive RstParser::take_directive(const Region& region, std::string_view name, std::string_view first,
                                    std::size_t end) {
  Directive out;
  out.name = lower_ascii(name);
  if (!first.empty()) out.arguments.push_back(first);
  std::size_t i = region.begin + 1;
  while (i < end && !blank(i) && !field_marker(lines_[i].text)) out.arguments.push_back(lines_[i++].text);
  out.begin = take_options(i, end, out);
  out.end = end;
  return out;
}

void RstParser::directive(Region& region, std::string_view name, std::size_t offset, std::size_t end) {
  const RstDirective known = rst_directive(name);
  const std::string_view first = lines_[region.begin].text.substr(offset);
  if (known.treatment == RstTreatment::Drop) {
    if (name == "toctree" || name == "contents") builder_.drop(dropped::kToc);
    return;
  }
  if (known.treatment != RstTreatment::Labelled) {
    directive_with_arguments(region, take_directive(region, name, first, end), known);
    return;
  }
  // Its text may begin in its own line.
  Directive options;
  const std::size_t i = region.begin, behind = take_options(i + 1, end, options);
  for (std::size_t k = i + 1; k < behind; ++k) lines_[k].text = {};
  Region body = inside(region, i, end, margin(i + 1, end, region.base + 1));
  lines_[i].text = first;
  lines_[i].indent = body.base;
  if (!known.label.empty()) body.prefix = std::string(known.label) + ":";
  nest(region, std::move(body));
}

void RstParser::directive_with_arguments(Region& region, const Directive& directive, const RstDirective& known) {
  std::string argument;
  for (const std::string_view line : directive.arguments) {
    if (!argument.empty()) argument += known.treatment == RstTreatment::Object ? '\n' : ' ';
    argument += line;
  }
  const auto option = [&](std::string_view name) {
    const auto found = directive.options.find(name);
    return found == directive.options.end() ? std::string() : found->second;
  };
  const auto header_rows = [&] { return std::atoi(option("header-rows").substr(0, 3).c_str()); };
  Region body = inside(region, directive.begin, directive.end, margin(directive.begin, directive.end, region.base + 1));
  switch (known.treatment) {
    case RstTreatment::Version:
      version(region, directive, known.label);
      return;
    case RstTreatment::Code:
      code(region, directive);
      return;
    case RstTreatment::Image:
      if (const std::string alt = option("alt"); std::count(alt.begin(), alt.end(), ' ') >= kSentence)
        add_paragraph(region, rst_inline(alt, names_));
      return;
    case RstTreatment::ListTable:
      if (!argument.empty()) add_paragraph(region, rst_inline(argument, names_));
      add_table(region, read_list_table(lines(body.begin, body.end), header_rows(), names_));
      return;
    case RstTreatment::CsvTable:
      if (!argument.empty()) add_paragraph(region, rst_inline(argument, names_));
      add_table(region, read_csv_table(lines(body.begin, body.end), option("header"), header_rows(), names_));
      return;
    case RstTreatment::Title:
    case RstTreatment::Titled:
      if (!argument.empty()) add(region, BlockKind::Heading, rst_inline(argument, names_), kBoldHeadingLevel);
      break;
    case RstTreatment::Paragraph:
    case RstTreatment::Table:
      if (!argument.empty()) add_paragraph(region, rst_inline(argument, names_));
      break;
    case RstTreatment::Object:
      if (!argument.empty()) add(region, BlockKind::Term, argument);
      body.kind = BlockKind::Definition;
      ++body.enclosing;
      break;
    default:
      body.sections = region.sections;
      break;
  }
  nest(region, std::move(body));
}

// ".. versionadded:: 3.2" with its text behind the number, below it or not at all.
void RstParser::version(Region& region, const Directive& directive, std::string_view label) {
  std::string argument;
  for (const std::string_view line : directive.arguments) argument += std::string(line) + ' ';
  const std::size_t space = std::min(argument.find(' '), argument.size());
  const std::string said = std::string(label) + ' ' + argument.substr(0, space);
  const std::string_view rest = trim(std::string_view(argument).substr(space));
  Region body = inside(region, directive.begin, directive.end, margin(directive.begin, directive.end, region.base + 1));
  if (!rest.empty()) {
    add_paragraph(region, said + ": " + rst_inline(rest, names_));
  } else if (body.begin < body.end) {
    body.prefix = said + ":";
  } else {
    add_paragraph(region, said + ".");
  }
  nest(region, std::move(body));
}

void RstParser::code(Region& region, const Directive& directive) {
  std::string text;
  if (directive.name == "math" || directive.name == "productionlist") {  // their argument is their first line
    for (const std::string_view line : directive.arguments) text += std::string(line) + '\n';
  }
  text += rst_raw(lines(directive.begin, directive.end));
  if (directive.name == "parsed-literal") text = rst_inline(text, names_);
  add(region, BlockKind::Code, std::move(text));
}

bool RstParser::title(Region& region) {
  if (region.sections) {
    const RstLines rest = lines(region.begin, std::min(region.begin + 3, region.end));
    if (const auto found = rst_title(rest, region.base)) {
      auto style = std::find(styles_.begin(), styles_.end(), found->style);
      if (style == styles_.end()) style = styles_.insert(styles_.end(), found->style);
      region.begin += found->n_lines;
      const int level = std::min(static_cast<int>(style - styles_.begin()) + 1, 6);
      add(region, BlockKind::Heading, rst_inline(found->text, names_), level);
      return true;
    }
  }
  constexpr std::size_t kTransition = 4;
  const std::string_view line = lines_[region.begin].text;
  if (!is_adornment(line) || line.size() < kTransition || !blank(region.begin + 1)) return false;
  if (line.find_first_not_of(':') == std::string_view::npos) return false;
  ++region.begin;
  return true;
}

// A paragraph, or the term of a definition list.
void RstParser::text(Region& region) {
  const std::size_t i = region.begin;
  if (i + 1 < region.end && !blank(i + 1) && lines_[i + 1].indent > region.base) {
    Region body = inside(region, i + 1, body_end(i + 1, region.end, region.base + 1), 0);
    body.base = margin(body.begin, body.end, region.base + 1);
    body.kind = BlockKind::Definition;
    ++body.enclosing;
    const std::string term = rst_inline(lines_[i].text, names_);
    ++region.enclosing;
    add(region, is_question(term) ? BlockKind::Question : BlockKind::Term, term);
    --region.enclosing;
    region.begin = body.end;
    nest(region, std::move(body));
    return;
  }
  std::size_t end = i;
  while (end < region.end && !blank(end) && lines_[end].indent == region.base) ++end;
  std::string whole = rst_joined(lines(i, end));
  region.begin = end;
  const bool literal = whole.ends_with("::");
  if (literal) {
    whole.pop_back();
    if (whole == ":" || whole.ends_with(" :")) whole.pop_back();
  }
  if (!trim(whole).empty()) add_paragraph(region, rst_inline(trim(whole), names_));
  if (literal) literal_block(region);
}

// Indented, or unindented with the same sign before every line.
void RstParser::literal_block(Region& region) {
  std::size_t begin = region.begin;
  while (begin < region.end && blank(begin)) ++begin;
  if (begin >= region.end) return;
  std::size_t end = body_end(begin, region.end, region.base + 1);
  if (end == begin && begin > region.begin) {
    const char sign = lines_[begin].text[0];
    if (!is_adornment(std::string_view(&sign, 1))) return;
    while (end < region.end && !blank(end) && lines_[end].text[0] == sign) ++end;
  }
  if (end == begin) return;
  add(region, BlockKind::Code, rst_raw(lines(begin, end)));
  region.begin = end;
}

}  // namespace

Document read_rst(std::string_view bytes) {
  DocumentBuilder builder;
  Counts counts;
  const std::string utf8 = expand_tabs(to_utf8(bytes, "", counts));
  for (const auto& [name, n] : counts) builder.drop(name, n);
  RstParser(utf8, builder).run();
  return builder.finish();
}

bool looks_like_rst(std::string_view bytes) {
  constexpr std::size_t kLookedAt = 1 << 16;
  constexpr int kEnough = 2;
  int n = 0;
  for (const std::string_view line : split(bytes.substr(0, kLookedAt), '\n')) {
    if (!line.starts_with(".. ")) continue;
    const std::string_view rest = trim(line.substr(3));
    const bool target = rest.starts_with('_') && rest.find(':') != std::string_view::npos;
    n += target || directive_marker(rest) ? 1 : 0;
  }
  return n >= kEnough;
}

}  // namespace faqsmith
