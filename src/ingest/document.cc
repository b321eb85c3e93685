// Places are given last: blocks may still be dropped or joined while a reader works.
#include "ingest/document.h"

#include <limits>

#include "ingest/normalize.h"

namespace faqsmith {
namespace {

constexpr std::string_view kBlockSeparator = "\n\n";

bool is_title(BlockKind kind) {
  return kind == BlockKind::Heading || kind == BlockKind::Question;
}

}  // namespace

std::string Document::plain_text() const {
  std::string text;
  for (const Block& block : blocks) {
    if (!text.empty()) text += kBlockSeparator;
    text += block.text;
  }
  return text;
}

void DocumentBuilder::add(Block block) {
  const Lines lines = block.kind == BlockKind::Code || block.kind == BlockKind::Table ? Lines::Keep : Lines::Tidy;
  block.text = clean_text(block.text, lines, document_.dropped);
  if (is_title(block.kind)) block.text = strip_heading_number(block.text);
  if (block.kind == BlockKind::Code) block.text = dedent(block.text);
  if (!has_words(block.text)) return;
  if (looks_like_instruction(block.text)) drop(dropped::kInstructions);
  document_.blocks.push_back(std::move(block));
}

void DocumentBuilder::drop(std::string_view reason, std::int64_t n) {
  if (n > 0) document_.dropped[std::string(reason)] += n;
}

void DocumentBuilder::set_title(std::string_view title) {
  if (!document_.title.empty()) return;
  Counts ignored;
  document_.title = strip_heading_number(clean_text(title, Lines::Tidy, ignored));
}

Document DocumentBuilder::finish() {
  std::int64_t place = 0;
  for (Block& block : document_.blocks) {
    block.begin_byte = place;
    block.end_byte = place + static_cast<std::int64_t>(block.text.size());
    place = block.end_byte + static_cast<std::int64_t>(kBlockSeparator.size());
  }
  // Without a title of its own: its outermost heading.
  int outermost = std::numeric_limits<int>::max();
  for (const Block& block : document_.blocks) {
    if (!document_.title.empty() && outermost == std::numeric_limits<int>::max()) break;
    if (block.kind != BlockKind::Heading || block.level >= outermost) continue;
    outermost = block.level;
    document_.title = block.text;
  }
  return std::move(document_);
}

}  // namespace faqsmith
