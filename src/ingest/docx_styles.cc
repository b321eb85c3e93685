// A heading is told by its outline level or by its style's name, also in the languages that programs other than Word
// write.
#include "ingest/docx_styles.h"

#include <array>
#include <vector>

#include "base/strings.h"
#include "ingest/xml_events.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

constexpr int kMaxHeading = 9;
constexpr int kMaxBases = 32;  // styles based on styles; more, or a circle, ends there

constexpr auto kHeadingWords = std::to_array<std::string_view>(
    {"heading", "überschrift", "titre", "título", "titulo", "titolo", "kop", "rubrik", "overskrift", "otsikko",
     "nagłówek", "nadpis", "заголовок", "見出し", "标题", "標題", "제목", "başlık", "címsor"});

// "heading 2", "Überschrift 2", "Heading2": 2; else 0.
int heading_of(std::string_view lower) {
  for (const std::string_view word : kHeadingWords) {
    if (!lower.starts_with(word)) continue;
    const std::string_view rest = trim(lower.substr(word.size()));
    if (rest.size() == 1 && rest[0] >= '1' && rest[0] <= '9') return rest[0] - '0';
  }
  return 0;
}

bool is_code_name(std::string_view lower) {
  return lower.find("code") != std::string_view::npos || lower.find("preformatted") != std::string_view::npos ||
         lower.find("listing") != std::string_view::npos || lower == "plain text" || lower == "macro text";
}

class StyleSink : public XmlSink {
 public:
  void start(std::string_view, std::string_view name, const XmlAttributes& attributes) override {
    const bool counts = open_.empty() || !(open_.back() == "pPrChange" || open_.back() == "rPrChange");
    open_.emplace_back(counts ? name : "pPrChange");
    if (!counts) return;
    const std::string_view value = attributes.get("val");
    if (name == "lang" && language.empty()) language = value;
    if (name == "style") {
      id_ = attributes.get("styleId");
      entries[id_] = {};
    }
    if (id_.empty()) return;
    DocxStyles::Entry& entry = entries[id_];
    if (name == "name") entry.name = lower_case(value);
    if (name == "basedOn") entry.base = value;
    if (name == "outlineLvl") entry.outline = attributes.number("val", -1, kMaxHeading);
    if (name == "numId") entry.list_depth = value == "0" ? 0 : std::max(entry.list_depth, 1);
    if (name == "ilvl") entry.list_depth = attributes.number("val", 0, kMaxHeading) + 1;
    if (name == "vanish") entry.hidden = value == "0" || value == "false" ? 0 : 1;
  }
  void end() override {
    if (open_.back() == "style") id_.clear();
    open_.pop_back();
  }
  void characters(std::string_view) override {}

  std::map<std::string, DocxStyles::Entry, std::less<>> entries;
  std::string language;

 private:
  std::vector<std::string> open_;
  std::string id_;
};

}  // namespace

DocxStyles::DocxStyles(std::string_view part, std::string_view xml) {
  if (xml.empty()) return;
  StyleSink sink;
  parse_xml(part, xml, sink);
  entries_ = std::move(sink.entries);
  language_ = std::move(sink.language);
}

DocxStyle DocxStyles::find(std::string_view id) const {
  DocxStyle out;
  int outline = -1, list_depth = -1, hidden = -1;
  std::string_view at = id;
  for (int n = 0; n < kMaxBases && !at.empty(); ++n) {
    const auto found = entries_.find(at);
    if (found == entries_.end()) break;
    const Entry& entry = found->second;
    if (outline < 0) outline = entry.outline;
    if (list_depth < 0) list_depth = entry.list_depth;
    if (hidden < 0) hidden = entry.hidden;
    if (out.heading == 0) out.heading = heading_of(entry.name);
    out.title = out.title || entry.name == "title";
    out.code = out.code || is_code_name(entry.name);
    out.toc = out.toc || entry.name.starts_with("toc ") || entry.name == "table of figures" ||
              entry.name == "contents heading" || entry.name == "index heading";
    at = entry.base;
  }
  if (entries_.empty()) out.heading = heading_of(lower_ascii(id));  // a file without styles
  if (outline >= 0) out.heading = outline < kMaxHeading ? outline + 1 : 0;
  out.list_depth = std::max(list_depth, 0);
  out.hidden = hidden == 1;
  return out;
}

}  // namespace faqsmith
