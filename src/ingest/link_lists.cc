// Boilerplate by what links say: text that is nothing but links leads elsewhere and answers nothing.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "ingest/html_flow.h"

namespace faqsmith {
namespace {

constexpr double kAllLinks = 0.85;      // share of a block's bytes inside links
constexpr double kMostlyLinks = 0.6;    // enough for a line of several links between separators
constexpr std::size_t kMinRun = 3;      // blocks in a row
constexpr std::size_t kMaxEntry = 200;  // bytes: a longer one is text
constexpr int kMinInLine = 3;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string plain_lower(std::string_view text) {
  std::string out;
  for (const char c : lower_ascii(text)) {
    if (c >= 'a' && c <= 'z') out += c;
    if (c == ' ' && !out.empty() && out.back() != ' ') out += c;
  }
  return std::string(trim(out));
}

bool is_toc_title(std::string_view text) {
  return is_one_of(plain_lower(text),
                   {"table of contents", "contents", "on this page", "in this article", "in this section", "toc"});
}

bool is_step_link(std::string_view text) {
  return is_one_of(plain_lower(text), {"prev",
                                       "previous",
                                       "next",
                                       "prev next",
                                       "previous next",
                                       "home",
                                       "up",
                                       "back",
                                       "top",
                                       "back to top",
                                       "prev up next",
                                       "prev home next",
                                       "edit",
                                       "edit this page",
                                       "skip to content",
                                       "skip to main content",
                                       "permalink",
                                       "read more",
                                       "print",
                                       "share"});
}

double link_share(const FlowBlock& flow) {
  return flow.block.text.empty() ? 0.0
                                 : static_cast<double>(flow.link_bytes) / static_cast<double>(flow.block.text.size());
}

bool is_entry(const FlowBlock& flow) {
  const BlockKind kind = flow.block.kind;
  if (kind == BlockKind::Heading || kind == BlockKind::Question || kind == BlockKind::Code || kind == BlockKind::Table)
    return false;
  return flow.n_links > 0 && flow.block.text.size() <= kMaxEntry * static_cast<std::size_t>(flow.n_links) &&
         link_share(flow) >= kAllLinks;
}

bool is_link_line(const FlowBlock& flow) {
  if (flow.block.kind != BlockKind::Paragraph) return false;
  if (flow.n_links >= kMinInLine && link_share(flow) >= kMostlyLinks) {
    // Names in a running sentence may be links too: a menu has no sentence end.
    const char last = flow.block.text.back();
    return last != '.' && last != '!' && last != '?' && last != ':';
  }
  return flow.n_links > 0 && is_step_link(flow.block.text);
}

}  // namespace

void drop_link_lists(std::vector<FlowBlock>& flow, DocumentBuilder& builder) {
  for (std::size_t begin = 0; begin < flow.size();) {
    std::size_t end = begin;
    int n_inner = 0, n_links = 0;
    while (end < flow.size() && is_entry(flow[end])) {
      n_inner += flow[end].n_inner_links;
      n_links += flow[end].n_links;
      ++end;
    }
    const bool titled = begin > 0 && is_toc_title(flow[begin - 1].block.text);
    if (end - begin >= kMinRun || (titled && end > begin)) {
      builder.drop(titled || n_inner * 2 > n_links ? dropped::kToc : dropped::kNavigation);
      for (std::size_t i = begin; i < end; ++i) flow[i].block.text.clear();
      if (titled) flow[begin - 1].block.text.clear();
    } else if (begin < flow.size() && !flow[begin].block.text.empty() && is_link_line(flow[begin])) {
      builder.drop(dropped::kNavigation);
      flow[begin].block.text.clear();
      end = begin + 1;
    }
    begin = std::max(end, begin + 1);
  }
}

}  // namespace faqsmith
