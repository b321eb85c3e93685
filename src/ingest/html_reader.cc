// A state machine over libxml2's events. Each open element has a frame that inherits what it stands in, so that no
// event looks further up than one frame.
#include "ingest/html_reader.h"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/strings.h"
#include "ingest/charset.h"
#include "ingest/html_flow.h"
#include "ingest/html_furniture.h"
#include "ingest/html_style.h"
#include "ingest/html_tags.h"
#include "ingest/normalize.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxTables = 8;            // nested deeper, a table is read as running text
constexpr std::size_t kMaxBoldHeading = 120;     // bytes of a bold line that may stand as a heading
constexpr std::size_t kMinMain = 200;            // bytes inside <main> from which on the rest of the page is furniture
constexpr std::size_t kMaxStyle = 1 << 20;       // bytes of <style> that are looked at
constexpr std::int64_t kMaxScans = 200'000'000;  // steps libxml2 may spend on end tags that match nothing (depth each)
constexpr int kBoldHeadingLevel = 7;

struct Frame {
  std::string name;
  TagRole role = TagRole::Inline;
  BlockKind kind = BlockKind::Paragraph;  // of text that ends here
  int heading_level = 0, list_depth = 0, enclosing = 0;
  bool pre = false, bold = false, link = false, inner_link = false;
  bool in_main = false, in_main_element = false, flow_table = false, skipped = false;
  bool starts_skip = false;
  std::string_view skip_reason;
};

// Text of the block that is being read.
struct Inline {
  std::string text;
  std::size_t link_bytes = 0, bold_ink = 0, ink = 0;
  std::size_t label_end = 0;  // the text began in bold up to here
  int n_links = 0, n_inner_links = 0;
};

struct OpenTable {
  TableBuilder rows;
  std::vector<FlowBlock> cell;
  bool in_cell = false, is_header = false;
  int colspan = 1, rowspan = 1;
};

// "<b>Developer</b> Meta": on the page the label is told by its weight, in plain text by a colon.
void mark_label(std::string& text, std::size_t label_end) {
  constexpr std::size_t kMaxLabel = 60;
  while (label_end > 0 && text[label_end - 1] == ' ') --label_end;
  if (label_end == 0 || label_end > kMaxLabel || label_end + 1 >= text.size() || text[label_end] != ' ') return;
  const char before = text[label_end - 1], next = text[label_end + 1];
  const bool closed = std::string_view(".:;,?!-").find(before) != std::string_view::npos;
  const bool starts = (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9');
  if (!closed && starts) text.insert(label_end, ":");
}

class HtmlParser {
 public:
  explicit HtmlParser(DocumentBuilder& builder) : builder_(builder) { frames_.emplace_back(); }
  void parse(std::string_view utf8);

 private:
  static HtmlParser& self(void* data) { return *static_cast<HtmlParser*>(data); }
  static void on_error(void* data, const char*, ...) { self(data).count_scan(); }
  void start(std::string_view name, const Attributes& attributes);
  void end(std::string_view name);
  void characters(std::string_view text);
  void count_scan();

  void open(Frame& frame, const TagInfo& tag, const Attributes& attributes);
  void open_list_or_heading(Frame& frame, const TagInfo& tag);
  void open_table_part(Frame& frame, const Attributes& attributes);
  void close(const Frame& frame);
  void close_cell();
  void close_table();
  void close_skipped(const Frame& frame);
  void line_break();
  void append(std::string_view text, const Frame& frame);
  void flush();
  [[nodiscard]] BlockKind kind_of_flush(const Frame& frame, std::string_view text);
  std::vector<FlowBlock>& sink();
  void deliver();

  DocumentBuilder& builder_;
  htmlParserCtxtPtr context_ = nullptr;
  std::vector<Frame> frames_;  // the first stands for the page itself
  std::vector<OpenTable> tables_;
  std::vector<bool> items_;  // of each open <li>: has it had its first text?
  std::vector<FlowBlock> flow_;
  std::vector<bool> in_main_;  // beside flow_
  Inline inline_;
  Selectors hiding_;
  std::string title_, style_;
  bool skipped_text_ = false;
  std::int64_t scans_ = 0;
  bool gave_up_ = false;
};

void HtmlParser::parse(std::string_view utf8) {
  htmlSAXHandler sax{};
  sax.startElement = [](void* data, const xmlChar* name, const xmlChar** attributes) {
    self(data).start(reinterpret_cast<const char*>(name), Attributes(attributes));
  };
  sax.endElement = [](void* data, const xmlChar* name) { self(data).end(reinterpret_cast<const char*>(name)); };
  sax.characters = [](void* data, const xmlChar* text, int n) {
    self(data).characters({reinterpret_cast<const char*>(text), static_cast<std::size_t>(n)});
  };
  sax.ignorableWhitespace = sax.characters;
  sax.cdataBlock = sax.characters;
  sax.error = on_error;
  context_ = htmlCreatePushParserCtxt(&sax, this, nullptr, 0, nullptr, XML_CHAR_ENCODING_UTF8);
  const std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)> owner(context_, htmlFreeParserCtxt);
  htmlCtxtUseOptions(context_, HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC | HTML_PARSE_COMPACT);
  constexpr std::size_t kPiece = 1 << 16;
  for (std::size_t at = 0; at < utf8.size() && !gave_up_; at += kPiece) {
    const std::string_view piece = utf8.substr(at, kPiece);
    htmlParseChunk(context_, piece.data(), static_cast<int>(piece.size()), 0);
  }
  if (!gave_up_) htmlParseChunk(context_, nullptr, 0, 1);
  while (frames_.size() > 1) end(std::string(frames_.back().name));
  flush();
  deliver();
}

// An end tag that matches nothing makes libxml2 search its whole stack: on a page made to hurt that would be quadratic.
void HtmlParser::count_scan() {
  scans_ += context_ ? context_->nameNr : 0;
  if (scans_ <= kMaxScans || gave_up_) return;
  gave_up_ = true;
  builder_.drop(dropped::kTooDeep);
  builder_.set_partial("its markup is nested too deeply and closed wrongly: read up to there");
  xmlStopParser(context_);
}

void HtmlParser::start(std::string_view name, const Attributes& attributes) {
  const TagInfo tag = tag_info(name);
  Frame frame = frames_.back();
  frame.name = name;
  frame.role = tag.role;
  frame.starts_skip = false;
  if (!frame.skipped) {
    if (const auto reason = reason_to_skip(tag.role, attributes, hiding_, frame.in_main)) {
      if (tag.role != TagRole::Inline && tag.role != TagRole::Link && tag.role != TagRole::Bold) flush();
      frame.skipped = frame.starts_skip = true;
      frame.skip_reason = *reason;
      skipped_text_ = false;
    } else {
      open(frame, tag, attributes);
    }
  }
  frames_.push_back(std::move(frame));
}

void HtmlParser::open(Frame& frame, const TagInfo& tag, const Attributes& attributes) {
  switch (tag.role) {
    case TagRole::Inline:
      return;
    case TagRole::Bold:
      frame.bold = true;
      return;
    case TagRole::LineBreak:
      line_break();
      return;
    case TagRole::Link:
      frame.link = attributes.has("href");
      frame.inner_link = attributes.get("href").starts_with('#');
      if (frame.link) ++inline_.n_links;
      if (frame.inner_link) ++inline_.n_inner_links;
      return;
    case TagRole::Root:
      for (const std::string_view name : {"xml:lang", "lang"}) {
        if (attributes.has(name)) builder_.set_language(attributes.get(name));
      }
      return;
    case TagRole::Title:
    case TagRole::Style:
      return;
    case TagRole::Main:
      flush();
      frame.in_main = true;
      frame.in_main_element = frame.in_main_element || frame.name == "main";
      return;
    case TagRole::Table:
    case TagRole::Row:
    case TagRole::Cell:
    case TagRole::TableHead:
      flush();
      open_table_part(frame, attributes);
      return;
    default:
      flush();
      open_list_or_heading(frame, tag);
  }
}

void HtmlParser::open_list_or_heading(Frame& frame, const TagInfo& tag) {
  switch (tag.role) {
    case TagRole::Heading:
      frame.kind = BlockKind::Heading;
      frame.heading_level = tag.level;
      break;
    case TagRole::ListRoot:
      ++frame.list_depth;
      break;
    case TagRole::ListItem:
      frame.kind = BlockKind::ListItem;
      frame.list_depth = std::max(frame.list_depth, 1);
      items_.push_back(false);
      break;
    case TagRole::DefinitionList:
    case TagRole::Details:
      ++frame.enclosing;
      break;
    case TagRole::Summary:
      frame.kind = BlockKind::Question;
      break;
    case TagRole::Term:
      frame.kind = BlockKind::Term;
      break;
    case TagRole::Definition:
      frame.kind = BlockKind::Definition;
      break;
    case TagRole::Pre:
      frame.kind = BlockKind::Code;
      frame.pre = true;
      break;
    default:
      break;
  }
}

void HtmlParser::open_table_part(Frame& frame, const Attributes& attributes) {
  if (frame.role == TagRole::Table) {
    frame.flow_table = tables_.size() >= kMaxTables;
    if (!frame.flow_table) tables_.emplace_back();
    return;
  }
  if (frame.flow_table || tables_.empty()) return;
  OpenTable& table = tables_.back();
  if (frame.role == TagRole::TableHead) table.rows.begin_head();
  if (frame.role == TagRole::Row) table.rows.begin_row();
  if (frame.role == TagRole::Cell) {
    table.in_cell = true;
    table.is_header = frame.name == "th";
    table.colspan = attributes.number("colspan", 1);
    table.rowspan = attributes.number("rowspan", 1);
    frame.kind = BlockKind::Paragraph;
    frame.list_depth = 0;
  }
}

void HtmlParser::end(std::string_view name) {
  // libxml2 closes what it opened; a small search covers its quirks.
  constexpr std::size_t kSearch = 16;
  std::size_t n = 1;
  while (n < frames_.size() && n <= kSearch && frames_[frames_.size() - n].name != name) ++n;
  if (n >= frames_.size() || n > kSearch) return;
  for (; n > 0; --n) {
    const Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.starts_skip) {
      close_skipped(frame);
    } else if (!frame.skipped) {
      frames_.push_back(frame);  // text that ends here belongs to this element
      const bool ends_block = frame.role != TagRole::Inline && frame.role != TagRole::Bold &&
                              frame.role != TagRole::Link && frame.role != TagRole::LineBreak &&
                              frame.role != TagRole::Title && frame.role != TagRole::Style;
      if (ends_block) flush();
      frames_.pop_back();
      close(frame);
    }
  }
}

void HtmlParser::close(const Frame& frame) {
  switch (frame.role) {
    case TagRole::Bold:
      if (inline_.bold_ink > 0 && inline_.bold_ink == inline_.ink) inline_.label_end = inline_.text.size();
      break;
    case TagRole::ListItem:
      if (!items_.empty()) items_.pop_back();
      break;
    case TagRole::Title:
      builder_.set_title(title_);
      break;
    case TagRole::Style:
      hiding_.merge(hiding_selectors(style_));
      break;
    case TagRole::Cell:
      if (!frame.flow_table) close_cell();
      break;
    case TagRole::TableHead:
      if (!frame.flow_table && !tables_.empty()) tables_.back().rows.end_head();
      break;
    case TagRole::Table:
      if (!frame.flow_table) close_table();
      break;
    default:
      break;
  }
}

void HtmlParser::close_cell() {
  if (tables_.empty() || !tables_.back().in_cell) return;
  OpenTable& table = tables_.back();
  table.in_cell = false;
  table.rows.add_cell(std::move(table.cell), table.colspan, table.rowspan, table.is_header);
  table.cell.clear();
}

void HtmlParser::close_table() {
  if (tables_.empty()) return;
  close_cell();
  std::vector<FlowBlock> content = tables_.back().rows.finish();
  tables_.pop_back();
  std::vector<FlowBlock>& target = sink();
  for (FlowBlock& part : content) {
    target.push_back(std::move(part));
    if (&target == &flow_) in_main_.push_back(frames_.back().in_main_element);
  }
}

void HtmlParser::close_skipped(const Frame& frame) {
  if (skipped_text_ && !frame.skip_reason.empty()) builder_.drop(frame.skip_reason);
  skipped_text_ = false;
}

void HtmlParser::line_break() {
  const bool second = inline_.text.ends_with('\n');
  if (second) {
    flush();
    return;
  }
  while (inline_.text.ends_with(' ')) inline_.text.pop_back();
  if (inline_.text.empty()) return;
  // A break inside a sentence only wraps it.
  const bool after_sentence = std::string_view(".:;!?").find(inline_.text.back()) != std::string_view::npos;
  inline_.text += after_sentence || frames_.back().pre ? '\n' : ' ';
}

void HtmlParser::characters(std::string_view text) {
  const Frame& frame = frames_.back();
  if (frame.role == TagRole::Style) {
    if (style_.size() < kMaxStyle) style_ += text.substr(0, kMaxStyle - style_.size());
  } else if (frame.role == TagRole::Title && !frame.skipped) {
    title_ += text;
  } else if (frame.skipped) {
    skipped_text_ = skipped_text_ || !trim(text).empty();
  } else {
    append(text, frame);
  }
}

void HtmlParser::append(std::string_view text, const Frame& frame) {
  const std::size_t before = inline_.text.size();
  if (frame.pre) {
    inline_.text += text;
  } else {
    for (const char c : text) {
      const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
      if (!space) {
        inline_.text += c;
      } else if (!inline_.text.empty() && inline_.text.back() != ' ' && inline_.text.back() != '\n') {
        inline_.text += ' ';
      }
    }
  }
  const std::size_t ink =
      static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c < 0 || c > ' '; }));
  inline_.ink += ink;
  if (frame.bold) inline_.bold_ink += ink;
  if (frame.link) inline_.link_bytes += inline_.text.size() - before;
}

BlockKind HtmlParser::kind_of_flush(const Frame& frame, std::string_view text) {
  if (frame.kind == BlockKind::ListItem) {
    if (items_.empty() || items_.back()) return BlockKind::Paragraph;
    items_.back() = true;
    return BlockKind::ListItem;
  }
  if (frame.kind == BlockKind::Term && is_question(text)) return BlockKind::Question;
  const bool all_bold = inline_.bold_ink > 0 && inline_.bold_ink == inline_.ink;
  const bool sentence = text.ends_with('.') || text.ends_with(',') || text.ends_with(';') || text.ends_with('!');
  if (frame.kind == BlockKind::Paragraph && frame.list_depth == 0 && tables_.empty() && all_bold && !sentence &&
      text.size() <= kMaxBoldHeading) {
    return BlockKind::Heading;
  }
  return frame.kind;
}

void HtmlParser::flush() {
  const Frame& frame = frames_.back();
  if (!frame.pre) mark_label(inline_.text, inline_.label_end);
  const std::string_view text = frame.pre ? std::string_view(inline_.text) : trim(inline_.text);
  if (!trim(text).empty()) {
    FlowBlock flow;
    flow.block.kind = kind_of_flush(frame, text);
    flow.block.text = text;
    flow.block.enclosing = frame.enclosing;
    if (flow.block.kind == BlockKind::Heading)
      flow.block.level = frame.heading_level > 0 ? frame.heading_level : kBoldHeadingLevel;
    if (flow.block.kind == BlockKind::ListItem) flow.block.level = frame.list_depth;
    flow.link_bytes = inline_.link_bytes;
    flow.n_links = inline_.n_links;
    flow.n_inner_links = inline_.n_inner_links;
    std::vector<FlowBlock>& target = sink();
    target.push_back(std::move(flow));
    if (&target == &flow_) in_main_.push_back(frame.in_main_element);
  }
  inline_ = {};
}

std::vector<FlowBlock>& HtmlParser::sink() {
  for (std::size_t i = tables_.size(); i > 0; --i) {
    if (tables_[i - 1].in_cell) return tables_[i - 1].cell;
  }
  return flow_;
}

void HtmlParser::deliver() {
  std::size_t main_bytes = 0;
  for (std::size_t i = 0; i < flow_.size(); ++i) main_bytes += in_main_[i] ? flow_[i].block.text.size() : 0;
  if (main_bytes >= kMinMain) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < flow_.size(); ++i) {
      if (in_main_[i]) {
        std::swap(flow_[kept++], flow_[i]);
      } else {
        builder_.drop(dropped::kFurniture);
      }
    }
    flow_.resize(kept);
  }
  drop_link_lists(flow_, builder_);
  for (FlowBlock& flow : flow_) builder_.add(std::move(flow.block));
}

}  // namespace

Document read_html(std::string_view bytes) {
  DocumentBuilder builder;
  Counts counts;
  const std::string utf8 = to_utf8(bytes, html_charset(bytes), counts);
  for (const auto& [name, n] : counts) builder.drop(name, n);
  read_html_into(utf8, builder);
  return builder.finish();
}

void read_html_into(std::string_view utf8, DocumentBuilder& builder) {
  // Browsers read this entity without its semicolon too; libxml2 does not.
  const std::string page = replace_all(replace_all(std::string(utf8), "&nbsp;", " "), "&nbsp", " ");
  HtmlParser(builder).parse(page);
}

}  // namespace faqsmith
