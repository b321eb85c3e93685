// Extensions first, because people know what their files are; then signatures and the look of the bytes.
#include "ingest/reader.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "ingest/docx_reader.h"
#include "ingest/html_reader.h"
#include "ingest/markdown_reader.h"
#include "ingest/pdf_reader.h"
#include "ingest/rst_reader.h"
#include "ingest/text_reader.h"

namespace faqsmith {
namespace {

struct Extension {
  std::string_view suffix;
  DocumentFormat format;
};
constexpr auto kExtensions = std::to_array<Extension>({
    {".md", DocumentFormat::Markdown},
    {".markdown", DocumentFormat::Markdown},
    {".mdown", DocumentFormat::Markdown},
    {".html", DocumentFormat::Html},
    {".htm", DocumentFormat::Html},
    {".xhtml", DocumentFormat::Html},
    {".txt", DocumentFormat::Text},
    {".text", DocumentFormat::Text},
    {".pdf", DocumentFormat::Pdf},
    {".rst", DocumentFormat::Rst},
    {".rest", DocumentFormat::Rst},
    {".docx", DocumentFormat::Docx},
    {".docm", DocumentFormat::Docx},
});

bool looks_like_html(std::string_view bytes) {
  const std::string head = lower_ascii(trim(bytes.substr(0, 1024)));
  return head.starts_with("<!doctype html") || head.starts_with("<html") ||
         (head.starts_with("<?xml") && head.find("<html") != std::string::npos);
}

// Text has no NUL and hardly any other control character.
bool looks_like_text(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 4096);
  if (head.empty()) return false;
  const auto odd = std::count_if(head.begin(), head.end(), [](char c) {
    return c >= 0 && c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f';
  });
  return head.find('\0') == std::string_view::npos && odd * 100 < static_cast<std::ptrdiff_t>(head.size());
}

// Python's world writes reStructuredText into README.txt too.
DocumentFormat text_format(std::string_view bytes) {
  return looks_like_rst(bytes) ? DocumentFormat::Rst : DocumentFormat::Text;
}

}  // namespace

std::string_view format_name(DocumentFormat format) {
  switch (format) {
    case DocumentFormat::Markdown:
      return "markdown";
    case DocumentFormat::Html:
      return "html";
    case DocumentFormat::Text:
      return "text";
    case DocumentFormat::Pdf:
      return "pdf";
    case DocumentFormat::Rst:
      return "rst";
    case DocumentFormat::Docx:
      return "docx";
  }
  return "";
}

std::optional<DocumentFormat> detect_format(const fs::path& path, std::string_view bytes) {
  const std::string suffix = lower_ascii(path.extension().string());
  for (const Extension& extension : kExtensions) {
    if (extension.suffix != suffix) continue;
    return extension.format == DocumentFormat::Text ? text_format(bytes) : extension.format;
  }
  if (!suffix.empty()) return std::nullopt;  // a name that says what it is: not for us
  if (bytes.starts_with("%PDF-")) return DocumentFormat::Pdf;
  if (looks_like_html(bytes)) return DocumentFormat::Html;
  if (looks_like_text(bytes)) return text_format(bytes);
  return std::nullopt;
}

Document read_document(const fs::path& path, std::string_view bytes, DocumentFormat format) {
  Document document;
  switch (format) {
    case DocumentFormat::Markdown:
      document = read_markdown(bytes);
      break;
    case DocumentFormat::Html:
      document = read_html(bytes);
      break;
    case DocumentFormat::Text:
      document = read_text(bytes);
      break;
    case DocumentFormat::Pdf:
      document = read_pdf(bytes);
      break;
    case DocumentFormat::Rst:
      document = read_rst(bytes);
      break;
    case DocumentFormat::Docx:
      document = read_docx(bytes);
      break;
  }
  if (document.blocks.empty()) {
    throw Error(Kind::Input, path.filename().string() + " holds no text that a reader could see",
                "check that the file is complete; leave it out if it is meant to be empty");
  }
  return document;
}

}  // namespace faqsmith
