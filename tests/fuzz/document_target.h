// What holds for every reader of documents: valid UTF-8 with true places comes out, whatever the bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ingest/document.h"
#include "text/unicode.h"

template <class Read>
int fuzz_document(const std::uint8_t* data, std::size_t size, const Read& read) {
  const faqsmith::Document document = read(std::string_view(reinterpret_cast<const char*>(data), size));
  const std::string plain = document.plain_text();
  for (const faqsmith::Block& block : document.blocks) {
    if (!faqsmith::is_valid_utf8(block.text)) std::abort();
    if (plain.substr(static_cast<std::size_t>(block.begin_byte), block.text.size()) != block.text) std::abort();
  }
  return 0;
}
