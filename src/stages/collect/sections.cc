// Three steps: blocks under one heading become a node; small nodes join their neighbours; large ones are filled piece
// by piece.
#include "stages/collect/sections.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "ingest/normalize.h"
#include "stages/collect/pieces.h"

namespace faqsmith {
namespace {

constexpr int kBoldHeadingLevel = 7;
constexpr int kGlueTokens = 1;    // an empty line or space between two pieces
constexpr int kQuestionRank = 0;  // inside its <details>, a question stands above all headings

struct Open {
  int rank = 0, enclosing = 0;
  std::string text;
};

struct Node {
  std::vector<std::string> path;
  std::vector<Block> blocks;
  int n_tokens = 0;
  bool asks = false;  // a heading of its path is a question
};

// Lists of works cited and of names answer nothing.
bool is_bibliography(std::string_view heading) {
  const std::string lower = lower_ascii(trim(heading));
  constexpr auto kTitles =
      std::to_array<std::string_view>({"contributors", "acknowledgements", "acknowledgments", "references", "citation",
                                       "citations", "bibliography", "citing", "how to cite"});
  return std::find(kTitles.begin(), kTitles.end(), lower) != kTitles.end();
}

class Outline {
 public:
  // Where the next content block stands.
  void enter(const Block& block) {
    if (block.kind == BlockKind::Heading) {
      close([&](const Open& o) {
        return o.enclosing > block.enclosing || (o.enclosing == block.enclosing && o.rank >= block.level);
      });
      open_.push_back({std::max(block.level, 1), block.enclosing, block.text});
    } else if (block.kind == BlockKind::Question) {
      close([&](const Open& o) { return o.enclosing >= std::max(block.enclosing, 1); });
      open_.push_back({kQuestionRank, std::max(block.enclosing, 1), block.text});
    } else {
      // The end of a <details>; a plain <dt> ends the question before it.
      const int limit = block.kind == BlockKind::Term ? std::max(block.enclosing, 1) : block.enclosing + 1;
      close([&](const Open& o) { return o.enclosing >= limit; });
    }
  }
  [[nodiscard]] std::vector<std::string> path() const {
    std::vector<std::string> out;
    for (const Open& o : open_) {
      if (out.empty() || out.back() != o.text) out.push_back(o.text);
    }
    return out;
  }

 private:
  template <class Ends>
  void close(const Ends& ends) {
    while (!open_.empty() && ends(open_.back())) open_.pop_back();
  }
  std::vector<Open> open_;
};

// A bold line with nothing below it was no heading.
bool is_lonely_bold(const std::vector<Block>& blocks, std::size_t i) {
  if (blocks[i].kind != BlockKind::Heading || blocks[i].level != kBoldHeadingLevel) return false;
  return i + 1 == blocks.size() || blocks[i + 1].kind == BlockKind::Heading ||
         blocks[i + 1].kind == BlockKind::Question;
}

std::vector<Node> make_nodes(const Document& document, const TokenCounter& count_tokens) {
  std::vector<Node> nodes;
  Outline outline;
  bool fresh = true;
  for (std::size_t i = 0; i < document.blocks.size(); ++i) {
    Block block = document.blocks[i];
    if (is_lonely_bold(document.blocks, i)) block.kind = BlockKind::Paragraph;
    const std::vector<std::string> before = outline.path();
    outline.enter(block);
    if (block.kind == BlockKind::Heading || block.kind == BlockKind::Question) {
      fresh = true;
      continue;
    }
    if (fresh || outline.path() != before) {
      Node node;
      node.path = outline.path();
      node.asks = std::any_of(node.path.begin(), node.path.end(), [](const std::string& h) { return is_question(h); });
      nodes.push_back(std::move(node));
      fresh = false;
    }
    nodes.back().n_tokens += count_tokens(block.text);
    nodes.back().blocks.push_back(std::move(block));
  }
  std::erase_if(nodes, [](const Node& node) { return !node.path.empty() && is_bibliography(node.path.back()); });
  return nodes;
}

std::vector<std::string> parent(const std::vector<std::string>& path) {
  return path.empty() ? path : std::vector<std::string>(path.begin(), path.end() - 1);
}

// The heading becomes a line of the text, so that the joined text still says what each part is about.
void lower_heading(Node& node, std::size_t depth) {
  for (std::size_t i = node.path.size(); i > depth; --i) {
    Block line;
    line.kind = BlockKind::Paragraph;
    line.text = node.path[i - 1];
    line.page = node.blocks.front().page;
    line.begin_byte = line.end_byte = node.blocks.front().begin_byte;
    node.blocks.insert(node.blocks.begin(), std::move(line));
  }
  node.path.resize(depth);
}

// Siblings, or an introduction and what it introduces; a joined node stands at the parent's place, so the next sibling
// fits again.
bool may_join(const Node& a, const Node& b, const CutOptions& options) {
  if (a.asks || b.asks || a.path.empty() || b.path.empty()) return false;
  if (a.n_tokens >= options.min_tokens || b.n_tokens >= options.min_tokens) return false;
  if (a.n_tokens + b.n_tokens > options.max_tokens) return false;
  return parent(a.path) == parent(b.path) || a.path == parent(b.path);
}

std::vector<Node> join_small(std::vector<Node> nodes, const CutOptions& options) {
  std::vector<Node> out;
  for (Node& node : nodes) {
    if (out.empty() || !may_join(out.back(), node, options)) {
      out.push_back(std::move(node));
      continue;
    }
    Node& last = out.back();
    const std::size_t depth = node.path.size() - 1;
    lower_heading(last, depth);
    lower_heading(node, depth);
    last.n_tokens += node.n_tokens;
    std::move(node.blocks.begin(), node.blocks.end(), std::back_inserter(last.blocks));
  }
  return out;
}

CutSection make_section(const std::vector<std::string>& path, const std::vector<Piece>& pieces,
                        const TokenCounter& count_tokens) {
  CutSection section;
  section.heading_path = path;
  section.page = pieces.front().page;
  section.begin_byte = pieces.front().begin_byte;
  for (const Piece& piece : pieces) {
    if (!section.text.empty()) section.text += piece.glue;
    section.text += piece.text;
    section.end_byte = std::max(section.end_byte, piece.end_byte);
  }
  section.n_tokens = count_tokens(section.text);
  return section;
}

// As many pieces as fit, in parts of about equal size: a long text makes no tiny rest.
void fill(const Node& node, const CutOptions& options, const TokenCounter& count_tokens, std::vector<CutSection>& out) {
  const std::vector<Piece> pieces = make_pieces(node.blocks, options.max_tokens, count_tokens);
  int rest = 0;
  const auto size = [](const Piece& piece) { return piece.n_tokens + kGlueTokens; };
  for (const Piece& piece : pieces) rest += size(piece);
  std::vector<Piece> part;
  int n_tokens = 0;
  for (const Piece& piece : pieces) {
    const int n_parts = (rest + n_tokens + options.max_tokens - 1) / options.max_tokens;
    const int target = n_parts > 1 ? (rest + n_tokens) / n_parts : options.max_tokens;
    const bool full = n_tokens + size(piece) > options.max_tokens || (n_parts > 1 && n_tokens >= target);
    if (!part.empty() && full && !(part.size() == 1 && part[0].introduces)) {
      std::vector<Piece> carried;
      if (part.back().introduces && part.size() > 1) {
        carried.push_back(std::move(part.back()));
        part.pop_back();
      }
      out.push_back(make_section(node.path, part, count_tokens));
      part = std::move(carried);
      n_tokens = part.empty() ? 0 : size(part[0]);
    }
    part.push_back(piece);
    n_tokens += size(piece);
    rest -= size(piece);
  }
  if (!part.empty()) out.push_back(make_section(node.path, part, count_tokens));
}

}  // namespace

std::vector<CutSection> cut_sections(const Document& document, const CutOptions& options,
                                     const TokenCounter& count_tokens) {
  std::vector<CutSection> sections;
  for (const Node& node : join_small(make_nodes(document, count_tokens), options))
    fill(node, options, count_tokens, sections);
  return sections;
}

}  // namespace faqsmith
