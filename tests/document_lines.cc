// Helper of the document scripts: document_lines < paths. Each answer line is what the reader of that file returns, as
// JSON:
// {"format", "title", "blocks": [{"kind", "level", "enclosing", "text"}], "dropped"} or {"error"}.
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "ingest/reader.h"

namespace {

using nlohmann::json;

constexpr std::array<const char*, 8> kKinds = {"heading", "question", "paragraph", "item",
                                               "table",   "code",     "term",      "definition"};

json read(const faqsmith::fs::path& path) {
  const std::string bytes = faqsmith::read_file(path);
  const auto format = faqsmith::detect_format(path, bytes);
  if (!format) return {{"error", "no format"}};
  const faqsmith::Document document = faqsmith::read_document(path, bytes, *format);
  json blocks = json::array();
  for (const faqsmith::Block& block : document.blocks) {
    blocks.push_back({{"kind", kKinds.at(static_cast<std::size_t>(block.kind))},
                      {"level", block.level},
                      {"enclosing", block.enclosing},
                      {"text", block.text}});
  }
  return {{"format", faqsmith::format_name(*format)},
          {"title", document.title},
          {"blocks", blocks},
          {"partial", document.partial_reason},
          {"dropped", json(document.dropped)}};
}

}  // namespace

int main() {
  for (std::string path; std::getline(std::cin, path);) {
    try {
      std::cout << read(path).dump() << '\n';
    } catch (const faqsmith::Error& e) {
      std::cout << json{{"error", e.what()}, {"hint", e.hint()}}.dump() << '\n';
    }
  }
}
