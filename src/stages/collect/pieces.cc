// Blocks as text, and the ways to split one that is too long.
#include "stages/collect/pieces.h"

#include "base/strings.h"
#include "text/unicode.h"

namespace faqsmith {
namespace {

constexpr std::string_view kParagraphGlue = "\n\n";
constexpr std::string_view kLineGlue = "\n";

class PieceMaker {
 public:
  PieceMaker(int max_tokens, const TokenCounter& count_tokens) : max_tokens_(max_tokens), count_tokens_(count_tokens) {}

  std::vector<Piece> run(const std::vector<Block>& blocks) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Block& block = blocks[i];
      switch (block.kind) {
        case BlockKind::Table:
          add_lines(block, block.has_header ? 1 : 0, "", "");
          break;
        case BlockKind::Code:
          add_lines(block, 0, "```\n", "\n```");
          break;
        case BlockKind::ListItem:
          add_text(block, item_indent(block) + "- " + one_line(block.text), kLineGlue);
          break;
        case BlockKind::Term:
          i += add_term(blocks, i);
          break;
        default:
          add_text(block, block.text, kParagraphGlue);
      }
      last_kind_ = block.kind;
    }
    return std::move(pieces_);
  }

 private:
  static std::string one_line(std::string_view text) { return replace_all(std::string(text), "\n", " "); }
  static std::string item_indent(const Block& block) { return std::string(block.level > 1 ? 2 : 0, ' '); }

  // "- term: definition"; returns how many further blocks it used.
  std::size_t add_term(const std::vector<Block>& blocks, std::size_t i) {
    const bool defined = i + 1 < blocks.size() && blocks[i + 1].kind == BlockKind::Definition;
    std::string text = "- " + one_line(blocks[i].text);
    Block whole = blocks[i];
    if (defined) {
      if (!text.ends_with(':')) text += ':';
      text += ' ' + one_line(blocks[i + 1].text);
      whole.end_byte = blocks[i + 1].end_byte;
    }
    whole.kind = BlockKind::ListItem;
    add_text(whole, text,
             last_kind_ == BlockKind::Definition || last_kind_ == BlockKind::Term ? kLineGlue : kParagraphGlue);
    return defined ? 1 : 0;
  }

  void push(const Block& block, std::string text, std::string_view glue) {
    Piece piece;
    piece.n_tokens = count_tokens_(text);
    piece.introduces = text.ends_with(':');
    piece.text = std::move(text);
    piece.glue = glue;
    piece.page = block.page;
    piece.begin_byte = block.begin_byte;
    piece.end_byte = block.end_byte;
    pieces_.push_back(std::move(piece));
  }

  void add_text(const Block& block, const std::string& text, std::string_view glue) {
    if (count_tokens_(text) <= max_tokens_) {
      push(block, text, glue);
      return;
    }
    for (const std::string_view sentence : sentences(text)) {
      for (std::string& part : split_at_separators(sentence)) {
        push(block, std::move(part), glue);
        glue = " ";
      }
    }
  }

  // Longer than a section, a "sentence" is an enumeration: cut where its entries end, else between words.
  [[nodiscard]] std::vector<std::string> split_at_separators(std::string_view text) const {
    std::vector<std::string> parts = {std::string(text)};
    for (const std::string_view separator : {"; ", ", ", " "}) {
      std::vector<std::string> finer;
      for (std::string& part : parts) {
        if (count_tokens_(part) <= max_tokens_) {
          finer.push_back(std::move(part));
        } else {
          append_filled(part, separator, finer);
        }
      }
      parts = std::move(finer);
    }
    return parts;
  }

  // Cuts text behind the separators into parts as long as fit. Tokens are counted entry by entry: close enough, and
  // linear.
  void append_filled(std::string_view text, std::string_view separator, std::vector<std::string>& out) const {
    std::string part;
    int n_tokens = 0;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = text.find(separator, at);
      end = end == std::string_view::npos ? text.size() : end + separator.size();
      const std::string_view entry = text.substr(at, end - at);
      const int entry_tokens = count_tokens_(entry);
      if (!part.empty() && n_tokens + entry_tokens > max_tokens_) {
        out.emplace_back(trim(part));
        part.clear();
        n_tokens = 0;
      }
      part += entry;
      n_tokens += entry_tokens;
      at = end;
    }
    if (!trim(part).empty()) out.emplace_back(trim(part));
  }

  // Tables and code: whole lines, the first n_header ones again in every part.
  void add_lines(const Block& block, std::size_t n_header, std::string_view open, std::string_view close) {
    std::vector<std::string> lines;
    for (const std::string_view line : split(block.text, '\n')) {
      for (std::string& part : split_at_separators(line)) lines.push_back(std::move(part));
    }
    std::string header(open);
    for (std::size_t i = 0; i < n_header && i < lines.size(); ++i) header += lines[i] + "\n";
    const int fixed = count_tokens_(header) + count_tokens_(close);
    std::string part;
    int n_tokens = fixed;
    for (std::size_t i = n_header; i < lines.size(); ++i) {
      const int line_tokens = count_tokens_(lines[i] + "\n");
      if (!part.empty() && n_tokens + line_tokens > max_tokens_) {
        push(block, header + part + std::string(close), kParagraphGlue);
        part.clear();
        n_tokens = fixed;
      }
      if (!part.empty()) part += '\n';
      part += lines[i];
      n_tokens += line_tokens;
    }
    if (part.empty() && n_header > 0) {
      header.pop_back();  // a table of nothing but its header
    }
    push(block, header + part + std::string(close), kParagraphGlue);
  }

  int max_tokens_;
  const TokenCounter& count_tokens_;
  std::vector<Piece> pieces_;
  BlockKind last_kind_ = BlockKind::Heading;
};

}  // namespace

std::vector<Piece> make_pieces(const std::vector<Block>& blocks, int max_tokens, const TokenCounter& count_tokens) {
  std::vector<Piece> pieces = PieceMaker(max_tokens, count_tokens).run(blocks);
  // The first item of a list stands below its paragraph; items follow each other line by line.
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool item = pieces[i].text.starts_with("- ") || pieces[i].text.starts_with("  - ");
    const bool after_item = i > 0 && (pieces[i - 1].text.starts_with("- ") || pieces[i - 1].text.starts_with("  - "));
    if (item && !after_item && i > 0 && pieces[i].glue == kLineGlue) pieces[i].glue = kParagraphGlue;
  }
  return pieces;
}

}  // namespace faqsmith
