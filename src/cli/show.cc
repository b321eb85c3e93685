// Dim text for what is not the model's own.
#include "cli/show.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace faqsmith {

std::string source_text(const Answer& answer, bool colour) {
  const std::string dim = colour ? "\033[2m" : "", plain = colour ? "\033[0m" : "";
  if (answer.refused) return dim + "(refused: the documents do not seem to cover this)" + plain;
  if (!answer.source) return dim + "(no source found)" + plain;
  const Citation& source = *answer.source;
  const std::string page = source.page ? fmt::format(", page {}", *source.page) : "";
  std::string out =
      fmt::format("{}source: {}{}{}", dim, source.file, page, source.heading.empty() ? "" : " > " + source.heading);
  return fmt::format("{} (support {:.0f}%){}", out, answer.score * 100, plain);
}

std::string answer_text(const Answer& answer, bool colour) {
  return fmt::format("{}Q:{} {}\n{}A:{} {}\n   {}\n", colour ? "\033[1m" : "", colour ? "\033[0m" : "", answer.question,
                     colour ? "\033[1m" : "", colour ? "\033[0m" : "", replace_all(answer.answer, "\n", "\n   "),
                     source_text(answer, colour));
}

}  // namespace faqsmith
