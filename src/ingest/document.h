// What every reader returns: a flat list of blocks in reading order, normalised (UTF-8, NFC, no invisible characters),
// with places. Nothing that a person cannot see on the page is in it; what was left out is counted.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

enum class BlockKind {
  Heading,   // level 1 (outermost) … 6; 7: a line in bold that stands as a heading
  Question,  // a heading that belongs to one answer: <summary>, or a <dt> that asks
  Paragraph,
  ListItem,  // level: depth, 1 = outermost
  Table,     // rows separated by \n, cells by " | "; the first row names the columns if has_header
  Code,      // lines kept as they are
  Term,      // of a definition list
  Definition,
};

struct Block {
  BlockKind kind = BlockKind::Paragraph;
  std::string text;
  int level = 0;      // see BlockKind
  int enclosing = 0;  // how many <details> or question <dt> are open around it; such a Question's own number included
  bool has_header = false;                    // Table
  int page = 0;                               // 1-based; 0: the format has no pages
  std::int64_t begin_byte = 0, end_byte = 0;  // in Document::plain_text()
};

// What was left out or noticed, by name: the names that readers use.
namespace dropped {
inline constexpr std::string_view kHidden = "hidden";          // cannot be seen: display:none, 0 pt, off the page
inline constexpr std::string_view kNavigation = "navigation";  // menus, previous/next, lists of nothing but links
inline constexpr std::string_view kToc = "toc";                // tables of contents
inline constexpr std::string_view kFurniture = "furniture";    // page headers, footers and numbers
inline constexpr std::string_view kDeleted = "deleted";        // tracked changes that take text away
inline constexpr std::string_view kControls =
    "invisible_characters";                                   // bidi controls, zero-width and other control characters
inline constexpr std::string_view kInvalid = "invalid_utf8";  // byte sequences replaced by U+FFFD
inline constexpr std::string_view kTooDeep = "too_deep";      // markup nested beyond any real document
inline constexpr std::string_view kInstructions = "suspect_instructions";  // kept, flagged: text that talks to a model
}  // namespace dropped

using Counts = std::map<std::string, std::int64_t, std::less<>>;

struct Document {
  std::string title;
  std::string language;  // as the document declares it, e.g. "en"; empty: it does not
  std::vector<Block> blocks;
  Counts dropped;
  std::string partial_reason;  // not empty: the file was readable only in part
  // The blocks' texts, separated by an empty line: what begin_byte and end_byte count in.
  [[nodiscard]] std::string plain_text() const;
};

// Collects blocks: normalises their text, gives them their places, counts what goes.
class DocumentBuilder {
 public:
  void add(Block block);  // an empty text adds nothing
  void drop(std::string_view reason, std::int64_t n = 1);
  void set_title(std::string_view title);  // the first one that is not empty counts
  void set_language(std::string_view language) { document_.language = language; }
  void set_partial(std::string reason) { document_.partial_reason = std::move(reason); }
  [[nodiscard]] std::vector<Block>& blocks() { return document_.blocks; }
  [[nodiscard]] Document finish();  // the title falls back to the first heading

 private:
  Document document_;
};

}  // namespace faqsmith
