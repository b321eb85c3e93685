// The table of formats, and the one walk over a conversation that all of them share.
#include "text/chat_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "text/strip.h"

namespace faqsmith::chat {
namespace {

constexpr ChatFormat kChatMl{.name = "chatml",
                             .system_open = "<|im_start|>system\n",
                             .system_close = "<|im_end|>\n",
                             .question_open = "<|im_start|>user\n",
                             .question_close = "<|im_end|>\n",
                             .answer_open = "<|im_start|>assistant\n",
                             .answer_end = "<|im_end|>",
                             .answer_close = "\n"};

constexpr ChatFormat kLlama3{.name = "llama-3",
                             .system_open = "<|start_header_id|>system<|end_header_id|>\n\n",
                             .system_close = "<|eot_id|>",
                             .question_open = "<|start_header_id|>user<|end_header_id|>\n\n",
                             .question_close = "<|eot_id|>",
                             .answer_open = "<|start_header_id|>assistant<|end_header_id|>\n\n",
                             .answer_end = "<|eot_id|>",
                             .trim_system = Trim::Yes,
                             .trim_question = Trim::Yes,
                             .trim_answer = Trim::Yes};

// The dates are those that a template takes when it is given none: a prompt must not change from day to day.
constexpr Frame kLlama31Preamble = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
constexpr Frame kUnslothPreamble = "Cutting Knowledge Date: December 2023\nToday Date: 26 July 2024\n\n";

// Every question has its own BOS.
constexpr ChatFormat kLlama2{.name = "llama-2",
                             .system_place = SystemPlace::FirstQuestion,
                             .order = Order::Alternating,
                             .system_open = "<<SYS>>\n",
                             .system_close = "\n<</SYS>>\n\n",
                             .question_open = "{bos}[INST] ",
                             .question_close = " [/INST]",
                             .answer_lead = " ",
                             .answer_trail = " ",
                             .answer_end = "{eos}",
                             .trim_question = Trim::Yes,
                             .trim_answer = Trim::Yes};

// As published with the weights, without a word about system messages; those go where later versions put them.
constexpr ChatFormat kMistral1{.name = "mistral-v0.1",
                               .system_place = SystemPlace::FirstQuestion,
                               .order = Order::Alternating,
                               .system_close = "\n\n",
                               .question_open = "[INST] ",
                               .question_close = " [/INST]",
                               .answer_end = "{eos}",
                               .answer_close = " "};

constexpr ChatFormat kZephyr{.name = "zephyr",
                             .system_open = "<|system|>\n",
                             .system_close = "{eos}\n",
                             .question_open = "<|user|>\n",
                             .question_close = "{eos}\n",
                             .answer_open = "<|assistant|>\n",
                             .answer_end = "{eos}",
                             .answer_close = "\n"};

constexpr ChatFormat trimmed(ChatFormat format, Trim trim) {
  format.trim_system = format.trim_question = format.trim_answer = trim;
  return format;
}
constexpr ChatFormat with_preamble(Frame preamble) {
  ChatFormat format = kLlama3;
  format.name = "llama-3.1";
  format.preamble = preamble;
  return format;
}
constexpr ChatFormat mistral_2() {
  ChatFormat format = kMistral1;
  format.name = "mistral-v0.2";
  format.answer_close = {};
  return format;
}
// Version 0.1 and 0.2 as revised for system messages.
constexpr ChatFormat mistral_revised() {
  ChatFormat format = mistral_2();
  format.name = "mistral-v0.2-system";
  format.question_open = " [INST] ";
  format.answer_lead = " ";
  return format;
}
constexpr ChatFormat mistral_3() {
  ChatFormat format = mistral_2();
  format.name = "mistral-v0.3";
  format.system_place = SystemPlace::LastQuestion;
  format.question_close = "[/INST]";
  format.answer_lead = " ";
  format.trim_answer = Trim::Yes;
  return format;
}

constexpr std::array kFormats = {
    kChatMl,
    trimmed(kChatMl, Trim::Yes),
    kLlama3,
    with_preamble(kLlama31Preamble),
    trimmed(with_preamble(kUnslothPreamble), Trim::No),
    kLlama2,
    kMistral1,
    mistral_2(),
    mistral_revised(),
    mistral_3(),
    kZephyr,
};

std::string trimmed_text(std::string_view text, Trim trim) {
  return std::string(trim == Trim::Yes ? strip(text) : text);
}

const char* described(Role role) {
  switch (role) {
    case Role::System:
      return "a system message";
    case Role::User:
      return "a question";
    case Role::Assistant:
      return "an answer";
  }
  throw Error(Kind::Internal, "a message has no known role");
}

Error wrong_turn(const ChatFormat& format, const std::string& what) {
  return Error(Kind::User, fmt::format("{}; the model's chat template ({}) refuses that", what, format.name),
               "let questions and answers take turns, after one system message at most; or use another model");
}

void check_order(const ChatFormat& format, std::span<const Message> messages, Prompt prompt) {
  if (format.order == Order::Any) return;
  const std::size_t n_system = !messages.empty() && messages[0].role == Role::System ? 1 : 0;
  for (std::size_t i = n_system; i < messages.size(); ++i) {
    const Role wanted = (i - n_system) % 2 == 0 ? Role::User : Role::Assistant;
    if (messages[i].role == wanted) continue;
    throw wrong_turn(format, fmt::format("turn {} of the conversation is {} where {} is due", i + 1,
                                         described(messages[i].role), described(wanted)));
  }
  if (messages.size() == n_system && n_system > 0)
    throw wrong_turn(format, "turn 1 of the conversation is a system message and no question follows");
  if (prompt == Prompt::Yes && (messages.empty() || messages.back().role != Role::User))
    throw wrong_turn(format, fmt::format("turn {} of the conversation is an answer where {} is due",
                                         messages.size() + 1, described(Role::User)));
}

// Trims what a question consists of as one text: Llama 2 does so after it has put the system message in.
void trim_ends(std::vector<Piece>& pieces) {
  for (Piece& piece : pieces) {
    piece.text = std::string(strip_left(piece.text));
    if (!piece.text.empty()) break;
  }
  for (std::size_t i = pieces.size(); i-- > 0;) {
    pieces[i].text = std::string(strip_right(pieces[i].text));
    if (!pieces[i].text.empty()) break;
  }
}

class Layout {
 public:
  explicit Layout(const ChatFormat& format) : format_(format) {}

  void system(std::string_view text, Frame preamble) {
    frame(format_.system_open);
    frame(preamble);
    message(trimmed_text(text, format_.trim_system));
    frame(format_.system_close);
  }
  void question(const std::string& text, const std::optional<std::string>& system_text) {
    std::vector<Piece> said;
    if (system_text) {
      said.push_back({Piece::Source::Template, std::string(format_.system_open)});
      said.push_back({Piece::Source::Message, trimmed_text(*system_text, format_.trim_system)});
      said.push_back({Piece::Source::Template, std::string(format_.system_close)});
    }
    said.push_back({Piece::Source::Message, text, Mark::Asked});
    if (format_.trim_question == Trim::Yes) trim_ends(said);
    frame(format_.question_open);
    for (Piece& piece : said) pieces_.push_back(std::move(piece));
    frame(format_.question_close);
  }
  void answer(std::string_view text) {
    pieces_.push_back({Piece::Source::Template, std::string(format_.answer_lead), Mark::Trained, true});
    message(trimmed_text(text, format_.trim_answer), Mark::Trained);
    frame(format_.answer_trail, Mark::Trained);
    frame(format_.answer_end, Mark::Trained);
  }
  void frame(Frame text, Mark mark = Mark::None) {
    pieces_.push_back({Piece::Source::Template, std::string(text), mark});
  }
  [[nodiscard]] std::vector<Piece> take() { return std::move(pieces_); }

 private:
  void message(std::string text, Mark mark = Mark::None) {
    pieces_.push_back({Piece::Source::Message, std::move(text), mark});
  }

  const ChatFormat& format_;
  std::vector<Piece> pieces_;
};

// The question that carries the system message; messages.size() if none does.
std::size_t carrier(const ChatFormat& format, std::span<const Message> messages) {
  std::size_t at = messages.size();
  if (format.system_place == SystemPlace::OwnTurn || messages.empty() || messages[0].role != Role::System) return at;
  for (std::size_t i = 1; i < messages.size(); ++i) {
    if (messages[i].role != Role::User) continue;
    at = i;
    if (format.system_place == SystemPlace::FirstQuestion) break;
  }
  return at;
}

}  // namespace

std::span<const ChatFormat> chat_formats() {
  return kFormats;
}

std::string chat_format_names() {
  std::string out;
  std::string_view last;
  for (const ChatFormat& format : kFormats) {
    if (format.name != last) out += (out.empty() ? "" : ", ") + std::string(format.name);
    last = format.name;
  }
  return out;
}

std::vector<Piece> lay_out(const ChatFormat& format, std::span<const Message> messages, Prompt prompt) {
  check_order(format, messages, prompt);
  Layout out(format);
  const std::size_t carries = carrier(format, messages);
  const bool has_system = !messages.empty() && messages[0].role == Role::System;
  if (!format.preamble.empty()) out.system(has_system ? messages[0].text : "", format.preamble);
  const bool is_placed = has_system && (!format.preamble.empty() || format.system_place != SystemPlace::OwnTurn);
  for (std::size_t i = is_placed ? 1 : 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    switch (message.role) {
      case Role::System:
        out.system(message.text, {});
        break;
      case Role::User:
        out.question(message.text, i == carries ? std::optional(messages[0].text) : std::nullopt);
        break;
      case Role::Assistant:
        out.frame(format.answer_open);
        out.answer(message.text);
        out.frame(format.answer_close);
        break;
    }
  }
  if (prompt == Prompt::Yes) out.frame(format.answer_open);
  return out.take();
}

std::vector<Piece> lay_out_answer(const ChatFormat& format, std::string_view text) {
  Layout out(format);
  out.answer(text);
  return out.take();
}

}  // namespace faqsmith::chat
