// Each open element has a frame; what is skipped says so in its frame, so that nothing looks further up. The parser
// caps depth.
#include "ingest/docx_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/strings.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxBoldHeading = 120;  // bytes of a bold line that may stand as a heading
constexpr int kBoldHeadingLevel = 7;
constexpr int kMaxLevel = 6;
constexpr int kMaxOutline = 9, kMaxDepth = 9;
constexpr int kMaxSpan = 63;
constexpr std::size_t kMaxInstruction = 32;  // bytes of a field's instruction that are looked at

struct Skip {
  std::string_view name, reason;
};
// Elements whose text is not on the page.
constexpr auto kSkipped = std::to_array<Skip>({
    {"del", dropped::kDeleted},
    {"moveFrom", dropped::kDeleted},
    {"delText", dropped::kDeleted},
    {"pPrChange", ""},
    {"rPrChange", ""},
    {"tblPrChange", ""},
    {"trPrChange", ""},
    {"tcPrChange", ""},
    {"tblGridChange", ""},
    {"sectPr", ""},
    {"rt", ""},      // reading aid above Chinese and Japanese characters
    {"object", ""},  // other programs' data
    {"ffData", ""},  // settings of a form
});

bool is_word_space(std::string_view space) {
  return space == "http://schemas.openxmlformats.org/wordprocessingml/2006/main" ||
         space == "http://purl.oclc.org/ooxml/wordprocessingml/main";
}

bool is_on(const XmlAttributes& attributes) {
  const std::string_view value = attributes.get("val");
  return value != "0" && value != "false" && value != "off";
}

bool names_toc(std::string_view instruction) {
  const std::string_view text = trim(instruction);
  return text.starts_with("TOC") && (text.size() == 3 || text[3] == ' ');
}

std::size_t count_ink(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c < 0 || c > ' '; }));
}

}  // namespace

void DocxBody::start(std::string_view space, std::string_view name, const XmlAttributes& attributes) {
  Frame frame;
  frame.skipped = !frames_.empty() && frames_.back().skipped;
  frames_.push_back(frame);
  if (frame.skipped) return;
  Frame& top = frames_.back();
  if (is_word_space(space)) {
    open_word(top, name, attributes);
  } else if (name == "Fallback") {  // the same again for old programs
    top.skipped = top.starts_skip = true;
  } else if (name == "t" && space.ends_with("/math")) {
    top.tag = Tag::Text;
  }
}

void DocxBody::open_word(Frame& frame, std::string_view name, const XmlAttributes& attributes) {
  if (inside(Tag::ParagraphProperties) || inside(Tag::RunProperties)) {
    if (name == "rPr") frame.tag = Tag::RunProperties;
    open_property(name, attributes);
  }
  if (inside(Tag::RowProperties) && name == "del" && !tables_.empty() && !tables_.back().rows.empty())
    tables_.back().rows.back().deleted = true;
  for (const Skip& skip : kSkipped) {
    if (skip.name != name) continue;
    frame.skipped = frame.starts_skip = true;
    frame.reason = skip.reason;
    skipped_text_ = false;
    return;
  }
  if (name == "p") {
    frame.tag = Tag::Paragraph;
    paragraphs_.push_back(has_carried_ ? std::exchange(carried_, {}) : Paragraph{});
    has_carried_ = false;
    paragraphs_.back().toc = n_toc_ > 0;
  } else if (name == "pPr" || (name == "numPr" && inside(Tag::ParagraphProperties))) {
    frame.tag = Tag::ParagraphProperties;
  } else if (name == "txbxContent") {
    frame.tag = Tag::Box;
    sinks_.emplace_back();
  } else if (name == "footnote" || name == "endnote") {
    frame.tag = Tag::Note;
    note_id_ = name.substr(0, 1);
    note_id_ += attributes.get("id");
    if (attributes.has("type") && attributes.get("type") != "normal") frame.skipped = frame.starts_skip = true;
    if (!frame.skipped) sinks_.emplace_back();
  } else if (name == "sdt") {
    frame.tag = Tag::Section;
  } else if (name == "docPartGallery" && attributes.get("val") == "Table of Contents") {
    for (auto open = frames_.rbegin(); open != frames_.rend(); ++open) {
      if (open->tag != Tag::Section) continue;
      n_toc_ += open->toc ? 0 : 1;
      open->toc = true;
      break;
    }
  } else {
    open_table_part(frame, name, attributes);
    open_run_content(frame, name, attributes);
  }
}

// A child of w:pPr, w:numPr or w:rPr.
void DocxBody::open_property(std::string_view name, const XmlAttributes& attributes) {
  const bool of_mark =
      inside(Tag::RunProperties) && frames_.size() > 2 && frames_[frames_.size() - 3].tag == Tag::ParagraphProperties;
  if (inside(Tag::RunProperties) && !of_mark) {
    if (name == "b") run_.bold = is_on(attributes);
    if (name == "vanish" || name == "specVanish") run_.hidden = is_on(attributes);
    if (name == "rStyle" && styles_.find(attributes.get("val")).hidden) run_.hidden = true;
    return;
  }
  if (paragraphs_.empty()) return;
  Paragraph& paragraph = paragraphs_.back();
  if (of_mark) {  // of the sign at the paragraph's end
    if (name == "del" || name == "moveFrom") paragraph.goes_on = true;
    return;
  }
  if (name == "pStyle") paragraph.style = attributes.get("val");
  if (name == "outlineLvl") paragraph.outline = attributes.number("val", -1, kMaxOutline);
  if (name == "numId") paragraph.list_depth = attributes.get("val") == "0" ? 0 : std::max(paragraph.list_depth, 1);
  if (name == "ilvl") paragraph.list_depth = attributes.number("val", 0, kMaxDepth) + 1;
}

void DocxBody::open_run_content(Frame& frame, std::string_view name, const XmlAttributes& attributes) {
  if (name == "r") {
    frame.tag = Tag::Run;
    run_ = {};
  } else if (name == "rPr") {
    frame.tag = Tag::RunProperties;
  } else if (name == "t") {
    frame.tag = Tag::Text;
  } else if (name == "instrText") {
    frame.tag = Tag::Instruction;
  } else if (name == "fldSimple") {
    frame.tag = Tag::SimpleField;
    frame.toc = names_toc(attributes.get("instr"));
    n_toc_ += frame.toc ? 1 : 0;
  } else if (name == "fldChar") {
    field_sign(attributes.get("fldCharType"));
  } else if (name == "footnoteReference" || name == "endnoteReference") {
    note_reference(name, attributes);
  } else if (name == "tab" || name == "ptab") {
    if (!inside(Tag::Other)) append(" ");  // in w:tabs it is a setting
  } else if (name == "br" || name == "cr") {
    append("\n");
  } else if (name == "noBreakHyphen") {
    append("-");
  } else if (name == "sym") {
    constexpr int kHexadecimal = 16;
    const std::string_view code = attributes.get("char");
    unsigned value = 0;
    std::from_chars(code.data(), code.data() + code.size(), value, kHexadecimal);
    const bool own = value >= 0xE000 && value <= 0xF8FF;  // a picture of its font
    std::string sign;
    if (!own && value > 0 && value < 0xD800) append_utf8(sign, value);
    append(sign);
  }
}

void DocxBody::open_table_part(Frame& frame, std::string_view name, const XmlAttributes& attributes) {
  if (name == "tbl") {
    frame.tag = Tag::Table;
    tables_.emplace_back();
  }
  if (tables_.empty()) return;
  Table& table = tables_.back();
  if (name == "tr") {
    frame.tag = Tag::Row;
    table.rows.emplace_back();
  } else if (name == "trPr") {
    frame.tag = Tag::RowProperties;
  } else if (name == "tc" && !table.rows.empty()) {
    frame.tag = Tag::Cell;
    table.rows.back().cells.emplace_back();
    sinks_.emplace_back();
  } else if (name == "tblStyle") {
    table.style = attributes.get("val");
  } else if (name == "tblLook") {
    constexpr unsigned kFirstRow = 0x20;
    constexpr int kHexadecimal = 16;
    const std::string_view bits = attributes.get("val");
    unsigned value = 0;
    std::from_chars(bits.data(), bits.data() + bits.size(), value, kHexadecimal);
    table.first_row = attributes.get("firstRow") == "1" || (value & kFirstRow) != 0;
  } else if (!table.rows.empty()) {
    Row& row = table.rows.back();
    if (name == "tblHeader") row.header = is_on(attributes);
    if (name == "gridSpan" && !row.cells.empty()) row.cells.back().span = attributes.number("val", 1, kMaxSpan);
    if (name == "vMerge" && !row.cells.empty()) row.cells.back().goes_on = attributes.get("val") != "restart";
  }
}

void DocxBody::end() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  if (frame.starts_skip) {
    if (skipped_text_ && !frame.reason.empty()) builder_.drop(frame.reason);
    skipped_text_ = false;
  } else if (!frame.skipped) {
    close(frame);
  }
}

void DocxBody::close(const Frame& frame) {
  if (frame.toc) --n_toc_;
  switch (frame.tag) {
    case Tag::Paragraph:
      end_paragraph();
      break;
    case Tag::Cell:
      end_cell();
      break;
    case Tag::Table:
      end_table();
      break;
    case Tag::Box: {
      std::vector<FlowBlock> content = std::move(sinks_.back());
      sinks_.pop_back();
      for (FlowBlock& flow : content) {
        if (paragraphs_.empty()) {
          deliver(std::move(flow));
        } else {
          paragraphs_.back().boxes.push_back(std::move(flow));
        }
      }
      break;
    }
    case Tag::Note: {
      std::string text;
      for (const FlowBlock& flow : sinks_.back()) text += (text.empty() ? "" : " ") + flow.block.text;
      sinks_.pop_back();
      notes_.try_emplace(note_id_, std::move(text));
      break;
    }
    default:
      break;
  }
}

void DocxBody::characters(std::string_view text) {
  if (frames_.empty()) return;
  const Frame& frame = frames_.back();
  if (frame.skipped) {
    skipped_text_ = skipped_text_ || !trim(text).empty();
  } else if (frame.tag == Tag::Text) {
    append(text);
  } else if (frame.tag == Tag::Instruction && !fields_.empty()) {
    std::string& instruction = fields_.back().instruction;
    if (instruction.size() < kMaxInstruction) instruction += text.substr(0, kMaxInstruction);
  }
}

// A field is its instruction, then what it shows; fields nest in both.
void DocxBody::field_sign(std::string_view type) {
  if (type == "begin") {
    fields_.emplace_back();
    ++n_instructions_;
  } else if (fields_.empty()) {
    return;
  } else if (type == "separate" && !fields_.back().result) {
    fields_.back().result = true;
    --n_instructions_;
    fields_.back().toc = names_toc(fields_.back().instruction);
    n_toc_ += fields_.back().toc ? 1 : 0;
    if (fields_.back().toc && !paragraphs_.empty()) paragraphs_.back().toc = true;
  } else if (type == "end") {
    n_instructions_ -= fields_.back().result ? 0 : 1;
    n_toc_ -= fields_.back().toc ? 1 : 0;
    fields_.pop_back();
  }
}

void DocxBody::note_reference(std::string_view kind, const XmlAttributes& attributes) {
  std::string id(kind.substr(0, 1));
  id += attributes.get("id");
  const auto note = notes_.find(id);
  if (note == notes_.end() || paragraphs_.empty()) return;
  const std::string label = "[" + std::to_string(++n_notes_) + "]";
  append(label);
  paragraphs_.back().notes.push_back(label + " " + note->second);
  notes_.erase(note);  // said once
}

void DocxBody::append(std::string_view text) {
  if (paragraphs_.empty() || n_instructions_ > 0 || text.empty()) return;
  if (run_.hidden) {
    if (!trim(text).empty()) builder_.drop(dropped::kHidden);
    return;
  }
  Paragraph& paragraph = paragraphs_.back();
  paragraph.text += text;
  const std::size_t ink = count_ink(text);
  paragraph.ink += ink;
  if (run_.bold) paragraph.bold_ink += ink;
}

void DocxBody::end_paragraph() {
  Paragraph paragraph = std::move(paragraphs_.back());
  paragraphs_.pop_back();
  run_ = {};
  if (paragraph.goes_on) {
    paragraph.goes_on = false;
    carried_ = std::move(paragraph);
    has_carried_ = true;
    return;
  }
  const DocxStyle style = styles_.find(paragraph.style);
  const bool seen = !trim(paragraph.text).empty();
  if (seen && (paragraph.toc || style.toc)) {
    builder_.drop(dropped::kToc);
  } else if (seen && style.hidden) {
    builder_.drop(dropped::kHidden);
  } else if (seen) {
    if (!tables_.empty() && !tables_.back().rows.empty() && !tables_.back().rows.back().cells.empty()) {
      Cell& cell = tables_.back().rows.back().cells.back();
      cell.ink += paragraph.ink;
      cell.bold_ink += paragraph.bold_ink;
    }
    deliver(block_of(paragraph, style));
  }
  for (FlowBlock& box : paragraph.boxes) deliver(std::move(box));
  for (std::string& note : paragraph.notes) {
    FlowBlock flow;
    flow.block.text = std::move(note);
    deliver(std::move(flow));
  }
}

FlowBlock DocxBody::block_of(const Paragraph& paragraph, const DocxStyle& style) const {
  FlowBlock flow;
  Block& block = flow.block;
  block.text = paragraph.text;
  int heading = paragraph.outline < 0 ? style.heading : paragraph.outline < kMaxOutline ? paragraph.outline + 1 : 0;
  if (style.title) {
    heading = 1;
    builder_.set_title(paragraph.text);
  }
  const int depth = paragraph.list_depth < 0 ? style.list_depth : paragraph.list_depth;
  const std::string_view text = trim(paragraph.text);
  const bool sentence = std::string_view(".,;!").find(text.back()) != std::string_view::npos;
  const bool all_bold = paragraph.ink > 0 && paragraph.bold_ink == paragraph.ink;
  if (heading > 0) {
    block.kind = BlockKind::Heading;
    block.level = std::min(heading, kMaxLevel);
  } else if (style.code) {
    block.kind = BlockKind::Code;
  } else if (depth > 0) {
    block.kind = BlockKind::ListItem;
    block.level = depth;
  } else if (all_bold && !sentence && text.size() <= kMaxBoldHeading && sinks_.size() == 1) {
    block.kind = BlockKind::Heading;
    block.level = kBoldHeadingLevel;
  }
  return flow;
}

// Lines of code are paragraphs of their own in Word.
void DocxBody::deliver(FlowBlock flow) {
  std::vector<FlowBlock>& sink = sinks_.back();
  const bool joins = flow.block.kind == BlockKind::Code && !sink.empty() && sink.back().block.kind == BlockKind::Code;
  if (joins) {
    sink.back().block.text += '\n' + flow.block.text;
  } else {
    sink.push_back(std::move(flow));
  }
}

void DocxBody::end_cell() {
  std::vector<FlowBlock> content = std::move(sinks_.back());
  sinks_.pop_back();
  if (tables_.empty() || tables_.back().rows.empty() || tables_.back().rows.back().cells.empty()) return;
  tables_.back().rows.back().cells.back().content = std::move(content);
}

// From the last row up: how many rows each cell reaches down.
void DocxBody::count_merged_rows(std::vector<Row>& rows) {
  std::array<int, kMaxSpan + 1> going_on{};  // by column, of the rows below
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    const auto below = std::exchange(going_on, {});
    std::size_t column = 0;
    for (Cell& cell : row->cells) {
      if (column >= going_on.size()) break;
      cell.n_rows = 1 + below[column];
      if (cell.goes_on) going_on[column] = cell.n_rows;
      column += static_cast<std::size_t>(cell.span);
    }
  }
}

void DocxBody::end_table() {
  Table table = std::move(tables_.back());
  tables_.pop_back();
  std::erase_if(table.rows, [](const Row& row) { return row.deleted || row.cells.empty(); });
  count_merged_rows(table.rows);
  const bool styled =
      table.first_row && !table.style.empty() && table.style != "TableGrid" && table.style != "TableNormal";
  const auto is_bold = [](const Cell& cell) { return cell.ink == cell.bold_ink; };
  TableBuilder builder;
  for (Row& row : table.rows) {
    const bool first = &row == table.rows.data();
    const bool stands_out = first && (styled || std::all_of(row.cells.begin(), row.cells.end(), is_bold));
    row.header || stands_out ? builder.begin_head() : builder.end_head();
    builder.begin_row();
    for (Cell& cell : row.cells) {
      if (!cell.goes_on || first) builder.add_cell(std::move(cell.content), cell.span, cell.n_rows, false);
    }
  }
  for (FlowBlock& flow : builder.finish()) deliver(std::move(flow));
}

void DocxBody::finish() {
  if (has_carried_) {
    paragraphs_.push_back(std::exchange(carried_, {}));
    end_paragraph();
  }
  if (n_instructions_ > 0) builder_.set_partial("a field in it never ends: what follows it is not read");
  for (FlowBlock& flow : sinks_.front()) builder_.add(std::move(flow.block));
  sinks_.front().clear();
}

}  // namespace faqsmith
