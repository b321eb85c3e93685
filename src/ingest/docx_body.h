// The events of a WordprocessingML part become blocks. Source: ECMA-376 part 1, sections 17.2 to 17.16.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/docx_styles.h"
#include "ingest/html_flow.h"
#include "ingest/xml_events.h"

namespace faqsmith {

// Texts of foot- and endnotes by "f" or "e" and their id.
using DocxNotes = std::map<std::string, std::string, std::less<>>;

class DocxBody : public XmlSink {
 public:
  DocxBody(const DocxStyles& styles, DocumentBuilder& builder, DocxNotes notes = {})
      : styles_(styles), builder_(builder), notes_(std::move(notes)), sinks_(1) {}
  void start(std::string_view space, std::string_view name, const XmlAttributes& attributes) override;
  void end() override;
  void characters(std::string_view text) override;

  void finish();  // hands the blocks to the builder
  [[nodiscard]] DocxNotes take_notes() { return std::move(notes_); }

 private:
  enum class Tag {
    Other,
    Paragraph,
    ParagraphProperties,
    Run,
    RunProperties,
    Text,
    Instruction,
    SimpleField,
    Table,
    Row,
    RowProperties,
    Cell,
    Box,      // of a text box
    Note,     // in the parts of foot- and endnotes
    Section,  // w:sdt
  };
  struct Frame {
    Tag tag = Tag::Other;
    bool skipped = false, starts_skip = false;
    std::string_view reason;  // why its text is skipped; empty: nothing worth counting
    bool toc = false;         // Section, SimpleField: a table of contents
  };
  struct Paragraph {
    std::string text, style;
    int outline = -1, list_depth = -1;
    std::size_t ink = 0, bold_ink = 0;  // bytes that are no white space
    bool goes_on = false;               // its end is a deletion that was tracked
    bool toc = false;
    std::vector<std::string> notes;
    std::vector<FlowBlock> boxes;  // text boxes anchored in it
  };
  struct Run {
    bool bold = false, hidden = false;
  };
  struct Field {
    bool result = false, toc = false;
    std::string instruction;  // its first bytes
  };
  struct Cell {
    std::vector<FlowBlock> content;
    int span = 1;          // columns
    int n_rows = 1;        // that it reaches down over
    bool goes_on = false;  // continues the cell above
    std::size_t ink = 0, bold_ink = 0;
  };
  struct Row {
    std::vector<Cell> cells;
    bool header = false, deleted = false;
  };
  struct Table {
    std::vector<Row> rows;
    std::string style;
    bool first_row = false;  // its style makes the first row stand out
  };

  void open_word(Frame& frame, std::string_view name, const XmlAttributes& attributes);
  void open_property(std::string_view name, const XmlAttributes& attributes);
  void open_run_content(Frame& frame, std::string_view name, const XmlAttributes& attributes);
  void open_table_part(Frame& frame, std::string_view name, const XmlAttributes& attributes);
  void close(const Frame& frame);
  void field_sign(std::string_view type);
  void note_reference(std::string_view kind, const XmlAttributes& attributes);
  void append(std::string_view text);
  void end_paragraph();
  void end_cell();
  static void count_merged_rows(std::vector<Row>& rows);
  void end_table();
  [[nodiscard]] FlowBlock block_of(const Paragraph& paragraph, const DocxStyle& style) const;
  void deliver(FlowBlock flow);
  [[nodiscard]] bool inside(Tag tag) const { return frames_.size() > 1 && frames_[frames_.size() - 2].tag == tag; }

  const DocxStyles& styles_;
  DocumentBuilder& builder_;
  DocxNotes notes_;
  std::vector<Frame> frames_;
  std::vector<std::vector<FlowBlock>> sinks_;  // the page, then each open cell, box or note
  std::vector<Paragraph> paragraphs_;
  std::vector<Table> tables_;
  std::vector<Field> fields_;
  std::size_t n_instructions_ = 0, n_toc_ = 0;  // of the fields and sections that are open
  Paragraph carried_;                           // a paragraph whose end was deleted
  bool has_carried_ = false;
  Run run_;
  std::string note_id_;
  int n_notes_ = 0;
  bool skipped_text_ = false;
};

}  // namespace faqsmith
