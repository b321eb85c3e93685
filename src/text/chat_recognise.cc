// Every probe is rendered once by the template; then the formats are compared one after the other.
#include "text/chat_recognise.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "text/jinja.h"
#include "text/utf8.h"

namespace faqsmith::chat {
namespace {

constexpr std::size_t kMaxTemplateBytes = 1 << 16;  // the longest that people use have about 20,000

// Usual: what faqsmith itself asks, which a known template must render. Others it may also refuse.
enum class Use { Usual, Odd };
struct Probe {
  Use use = Use::Usual;
  std::vector<Message> messages;
};

std::vector<Probe> probes() {
  constexpr Role kS = Role::System, kU = Role::User, kA = Role::Assistant;
  return {
      {Use::Usual, {{kU, "Where is it?"}}},
      {Use::Usual, {{kS, "Be brief."}, {kU, "Where is it?"}}},
      {Use::Usual, {{kU, "Where?"}, {kA, "Here."}}},
      {Use::Usual, {{kS, "Be brief."}, {kU, "Where?"}, {kA, "Here."}}},
      {Use::Usual, {{kS, "Be brief."}, {kU, "One?"}, {kA, "Two."}, {kU, "Three?"}}},
      {Use::Usual, {{kU, "One?"}, {kA, "Two."}, {kU, "Three?"}, {kA, "Four."}, {kU, "Five?"}, {kA, "Six."}}},
      // White space at all ends, and within.
      {Use::Usual, {{kS, "\n s \t"}, {kU, " \n q\n\n r "}, {kA, "\n a  b \n"}, {kU, "\t q \n"}}},
      {Use::Usual, {{kU, "q \n"}, {kA, " a\t"}}},
      // What some templates cut out of answers, or treat as tools, images or markup.
      {Use::Usual,
       {{kS, "<<SYS>> {{ x }} [INST]"},
        {kU, "a <think>b</think> c <image> /no_think"},
        {kA, "<think>\nd\n</think>\n\ne <tool_call>{\"name\": 1}</tool_call>"},
        {kU, "### Instruction: </s> <|im_end|>"}}},
      {Use::Usual, {{kU, "q"}, {kA, "<think>d</think>e"}}},
      {Use::Odd, {{kU, ""}, {kA, ""}, {kU, ""}}},
      {Use::Odd, {{kS, ""}, {kU, "q"}}},
      {Use::Odd, {{kU, "q"}, {kU, "r"}}},
      {Use::Odd, {{kA, "a"}, {kU, "q"}}},
      {Use::Odd, {{kS, "s"}, {kS, "t"}, {kU, "q"}}},
      {Use::Odd, {{kU, "q"}, {kA, "a"}, {kS, "s"}, {kU, "r"}}},
  };
}

const char* role_name(Role role) {
  return role == Role::System ? "system" : role == Role::User ? "user" : "assistant";
}

// What the template makes of a probe; nothing where it raises an error.
struct Outcome {
  std::optional<std::string> whole, prompt;
};

std::optional<std::string> rendered(const std::vector<jinja::Part>& parts, const jinja::TemplateInput& input) {
  try {
    return jinja::render(parts, input);
  } catch (const jinja::Raised&) {
    return std::nullopt;
  }
}

Outcome outcome_of(const Probe& probe, const std::vector<jinja::Part>& parts, std::string_view bos,
                   std::string_view eos) {
  jinja::TemplateInput input{.bos_token = std::string(bos), .eos_token = std::string(eos)};
  for (const Message& message : probe.messages) input.messages.push_back({role_name(message.role), message.text});
  Outcome out{.whole = rendered(parts, input), .prompt = {}};
  input.add_generation_prompt = true;
  out.prompt = rendered(parts, input);
  return out;
}

// Whether one format, with or without a BOS before it, says the same as the template.
class Candidate {
 public:
  Candidate(const ChatFormat& format, bool writes_bos, std::string_view bos, std::string_view eos)
      : format_(format), bos_(bos), eos_(eos), start_(writes_bos ? bos : std::string_view()) {}

  bool says(const Probe& probe, const Outcome& theirs) {
    const bool has_system = probe.messages[0].role == Role::System;
    const bool may_raise = probe.use == Use::Odd || (has_system && format_.system_place != SystemPlace::OwnTurn);
    const bool asks = probe.messages.back().role == Role::User;
    std::span<const Message> messages = probe.messages;
    // A template that looks for the last question at the very end forgets the system message of a finished
    // conversation.
    if (has_system && format_.system_place == SystemPlace::LastQuestion && !asks) messages = messages.subspan(1);
    std::string ours;
    try {
      ours = start_ + text_of(lay_out(format_, messages, Prompt::No), bos_, eos_);
    } catch (const Error&) {
      return probe.use == Use::Odd;
    }
    if (!theirs.whole || !theirs.prompt) return may_raise;
    // Some templates open an answer unasked, and some never do.
    const std::string opened = ours + std::string(format_.answer_open);
    if (!same(*theirs.whole, ours, has_system) && !same(*theirs.whole, opened, has_system)) return false;
    return !asks || same(*theirs.prompt, opened, has_system) || *theirs.prompt == *theirs.whole;
  }

 private:
  bool same(std::string_view theirs, std::string_view ours, bool has_system) {
    if (theirs == ours) return true;
    if (has_system || format_.system_place != SystemPlace::OwnTurn || !format_.preamble.empty()) return false;
    const std::string before = start_ + resolved(format_.system_open);
    const std::string after = resolved(format_.system_close) + std::string(ours.substr(start_.size()));
    if (theirs.size() < before.size() + after.size() || !theirs.starts_with(before) || !theirs.ends_with(after))
      return false;
    const std::string given(theirs.substr(before.size(), theirs.size() - before.size() - after.size()));
    if (given.find("<|") != std::string::npos || (!eos_.empty() && given.find(eos_) != std::string::npos)) return false;
    if (!default_system_) default_system_ = given;
    return *default_system_ == given;
  }
  [[nodiscard]] std::string resolved(Frame frame) const {
    return text_of({{Piece::Source::Template, std::string(frame)}}, bos_, eos_);
  }

  const ChatFormat& format_;
  std::string bos_, eos_, start_;
  std::optional<std::string> default_system_;
};

std::string first_lines(const std::string& text) {
  const std::string shown = replace_all(repair_utf8(text.substr(0, 160)), "\n", "\\n");
  return text.size() > 160 ? shown + "…" : shown;
}

[[noreturn]] void refuse(const std::string& chat_template, const std::string& why) {
  throw Error(Kind::Input,
              fmt::format("the model's chat template is not supported yet ({}); it begins: {}", why,
                          first_lines(chat_template)),
              "use a model with one of these templates: " + chat_format_names());
}

std::vector<Outcome> outcomes_of(const std::string& chat_template, const std::vector<Probe>& list, std::string_view bos,
                                 std::string_view eos) {
  if (chat_template.size() > kMaxTemplateBytes)
    refuse(chat_template, fmt::format("it has {} bytes", chat_template.size()));
  if (!is_valid_utf8(chat_template)) refuse(chat_template, "it is no valid UTF-8");
  try {
    const std::vector<jinja::Part> parts = jinja::read_parts(chat_template);
    std::vector<Outcome> outcomes;
    for (const Probe& probe : list) outcomes.push_back(outcome_of(probe, parts, bos, eos));
    return outcomes;
  } catch (const jinja::Unsupported& e) {
    refuse(chat_template, e.what());
  }
}

}  // namespace

std::string text_of(const std::vector<Piece>& pieces, std::string_view bos, std::string_view eos) {
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.source == Piece::Source::Message) {
      out += repair_utf8(piece.text);
    } else {
      out += replace_all(replace_all(piece.text, "{bos}", bos), "{eos}", eos);
    }
  }
  return out;
}

Recognised recognise(const std::string& chat_template, std::string_view bos, std::string_view eos) {
  const std::vector<Probe> list = probes();
  const std::vector<Outcome> outcomes = outcomes_of(chat_template, list, bos, eos);
  for (const ChatFormat& format : chat_formats()) {
    for (const bool writes_bos : {false, true}) {
      Candidate candidate(format, writes_bos, bos, eos);
      std::size_t n_same = 0;
      while (n_same < list.size() && candidate.says(list[n_same], outcomes[n_same])) ++n_same;
      if (n_same == list.size()) return {&format, writes_bos};
    }
  }
  refuse(chat_template, "it renders conversations in a way of its own");
}

}  // namespace faqsmith::chat
