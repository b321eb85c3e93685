// Dim text for what is not the model's own.
#include "cli/show.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "base/strings.h"

namespace faqsmith {
namespace {

struct MainCounts {
  std::string_view stage;
  std::vector<std::string> names;
};

const std::vector<MainCounts>& main_counts_table() {
  static const std::vector<MainCounts> table = {
      {"collect", {"files", "partial", "rejected", "sections", "section_tokens"}},
      {"generate", {"facts", "harvested", "asked", "kept", "rejected", "failed", "unanswerable"}},
      {"curate", {"judged", "kept", "rejected", "kept_facts"}},
      {"split", {"train", "validation", "reworded", "unseen", "refusal", "gold"}},
      {"train", {"train_pairs", "steps", "skipped_steps", "best_step", "best_loss"}},
      {"evaluate", {"items", "reworded token_f1 base", "reworded token_f1 tuned"}},
      {"export", {"files", "bytes", "prompts"}},
  };
  return table;
}

}  // namespace

std::string main_counts(const std::string& stage, const std::map<std::string, double>& counts) {
  std::vector<std::string> parts;
  const auto add = [&](const std::string& name, double n) {
    parts.push_back(fmt::format("{} {}", replace_all(name, "_", " "),
                                n == std::floor(n) ? fmt::format("{:.0f}", n) : fmt::format("{:.3f}", n)));
  };
  for (const auto& entry : main_counts_table()) {
    if (entry.stage != stage) continue;
    for (const auto& name : entry.names) {
      if (const auto found = counts.find(name); found != counts.end()) add(name, found->second);
    }
    return join(parts, ", ");
  }
  for (const auto& [name, n] : counts) add(name, n);
  return join(parts, ", ");
}

std::string source_text(const Answer& answer, bool colour) {
  const std::string dim = colour ? "\033[2m" : "", plain = colour ? "\033[0m" : "";
  if (answer.refused) return dim + "(refused: the documents do not seem to cover this)" + plain;
  if (!answer.source) return dim + "(no source found)" + plain;
  const Citation& source = *answer.source;
  const std::string page = source.page ? fmt::format(", page {}", *source.page) : "";
  const auto last = source.heading.rfind(" > ");  // the whole path can be longer than the answer
  const std::string heading = last == std::string::npos ? source.heading : source.heading.substr(last + 3);
  const std::string out =
      fmt::format("{}source: {}{}{}", dim, source.file, page, heading.empty() ? "" : ", \"" + heading + "\"");
  const std::string sure = answer.confidence ? fmt::format(", confidence {:.0f}%", *answer.confidence * 100) : "";
  return fmt::format("{} (support {:.0f}%{}){}", out, answer.score * 100, sure, plain);
}

std::string replies_text(const Answer& answer) {
  std::vector<std::string> lines;
  for (const AnswerReply& reply : answer.replies) {
    lines.push_back(fmt::format("{}. {}  (log-probability {:.2f}, {} tokens)", lines.size() + 1,
                                replace_all(reply.text, "\n", "\n   "), reply.log_probability, reply.tokens.size()));
  }
  return join(lines, "\n");
}

std::string answer_text(const Answer& answer, bool colour) {
  return fmt::format("{}Q:{} {}\n{}A:{} {}\n   {}\n", colour ? "\033[1m" : "", colour ? "\033[0m" : "", answer.question,
                     colour ? "\033[1m" : "", colour ? "\033[0m" : "", replace_all(answer.answer, "\n", "\n   "),
                     source_text(answer, colour));
}

}  // namespace faqsmith
