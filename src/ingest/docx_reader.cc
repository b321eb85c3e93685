// Styles first, then the notes, then the text that refers to both.
#include "ingest/docx_reader.h"

#include "base/strings.h"
#include "ingest/docx_body.h"
#include "ingest/docx_package.h"
#include "ingest/xml_events.h"

namespace faqsmith {
namespace {

// docProps/core.xml: the title that its author gave it.
class CoreTitle : public XmlSink {
 public:
  void start(std::string_view space, std::string_view name, const XmlAttributes&) override {
    inside_ = name == "title" && space == "http://purl.org/dc/elements/1.1/";
  }
  void end() override { inside_ = false; }
  void characters(std::string_view text) override {
    if (inside_) title += text;
  }
  std::string title;

 private:
  bool inside_ = false;
};

DocxNotes read_notes(const DocxPackage& package, const DocxStyles& styles) {
  DocxNotes notes;
  for (const std::string_view role : {"footnotes", "endnotes"}) {
    const std::string part = package.related(role);
    if (part.empty()) continue;
    const std::string xml = package.read(part);
    if (xml.empty()) continue;
    DocumentBuilder ignored;
    DocxBody body(styles, ignored, std::move(notes));
    parse_xml(part, xml, body);
    notes = body.take_notes();
  }
  return notes;
}

}  // namespace

Document read_docx(std::string_view bytes) {
  const DocxPackage package(bytes);
  const std::string styles_part = package.related("styles");
  const DocxStyles styles(styles_part, styles_part.empty() ? "" : package.read(styles_part));
  DocumentBuilder builder;
  builder.set_language(styles.language());
  DocxBody body(styles, builder, read_notes(package, styles));
  parse_xml(package.document(), package.read(package.document()), body);
  body.finish();
  CoreTitle core;
  if (const std::string xml = package.read("docProps/core.xml"); !xml.empty())
    parse_xml("docProps/core.xml", xml, core);
  // What templates and Word itself leave there says nothing.
  const std::string lower = lower_ascii(trim(core.title));
  if (!lower.starts_with("microsoft word") && lower != "word document") builder.set_title(core.title);
  return builder.finish();
}

Document document_of_word_xml(std::string_view xml, const DocxStyles& styles) {
  DocumentBuilder builder;
  DocxBody body(styles, builder);
  parse_xml("word/document.xml", xml, body);
  body.finish();
  return builder.finish();
}

}  // namespace faqsmith
