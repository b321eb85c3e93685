// One door for all formats: which reader a file needs, and its Document.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "ingest/document.h"
#include "sys/file.h"

namespace faqsmith {

enum class DocumentFormat { Markdown, Html, Text, Pdf, Rst, Docx };

[[nodiscard]] std::string_view format_name(
    DocumentFormat format);  // "markdown", "html", "text", "pdf", "rst", "docx": as stored in sources

// By the file name's extension, else by the first bytes; a .txt file is reStructuredText if its text says so. Nothing:
// no format that faqsmith reads (images, archives, programs …).
[[nodiscard]] std::optional<DocumentFormat> detect_format(const fs::path& path, std::string_view bytes);

// bytes: the whole file. path is for messages. Throws
// Error(Input) if nothing of the file can be used, Error(Device) if PDF cannot be read safely on this machine.
[[nodiscard]] Document read_document(const fs::path& path, std::string_view bytes, DocumentFormat format);

}  // namespace faqsmith
