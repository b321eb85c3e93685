// What a reader made of a text, short enough to compare by eye, and texts made to hurt readers.
#pragma once
#include <string>
#include <string_view>

#include "ingest/document.h"

namespace faqsmith {

// "h1 Title|p Text|li2 item": each block's kind, its level if it has one, its text.
inline std::string shape(const Document& document) {
  static const char* names[] = {"h", "q", "p", "li", "table", "code", "dt", "dd"};
  std::string out;
  for (const Block& block : document.blocks) {
    if (!out.empty()) out += '|';
    out += names[static_cast<int>(block.kind)];
    if (block.level > 0) out += std::to_string(block.level);
    out += ' ' + block.text;
  }
  return out;
}

inline std::string repeat(std::string_view text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

}  // namespace faqsmith
