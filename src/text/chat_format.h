// How each family of chat templates writes a conversation, as one table, and the layout of a conversation by it. Pure
// text: ids are text/chat_template.h's business, and which family a model's template belongs to is told by
// text/chat_recognise.h. Sources: the templates in tests/golden/templates/.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

enum class Role { System, User, Assistant };

struct Message {
  Role role = Role::User;
  std::string text;
};

namespace chat {

// Where the text of a system message at the beginning stands: in a turn of its own, or in the first or last question.
enum class SystemPlace { OwnTurn, FirstQuestion, LastQuestion };
// Alternating: after an optional system message questions and answers take turns, else the template raises an error.
enum class Order { Any, Alternating };
enum class Trim { No, Yes };

// A frame is text of the template's own. What a vocabulary has as a control token becomes that token; {bos} and {eos}
// are the vocabulary's.
using Frame = std::string_view;

struct ChatFormat {
  const char* name = "";
  SystemPlace system_place = SystemPlace::OwnTurn;
  Order order = Order::Any;
  Frame system_open = {}, system_close = {};
  Frame preamble = {};  // every conversation begins with a system turn that begins with this; empty: no such thing
  Frame question_open = {}, question_close = {};
  Frame answer_open = {};                     // the end of a prompt
  Frame answer_lead = {}, answer_trail = {};  // white space around the answer that the model writes itself
  Frame answer_end = {};                      // the token that ends the turn
  Frame answer_close = {};                    // what the template sets after it
  Trim trim_system = Trim::No, trim_question = Trim::No, trim_answer = Trim::No;
};

[[nodiscard]] std::span<const ChatFormat> chat_formats();
[[nodiscard]] std::string chat_format_names();  // "chatml, llama-2, …", each once

enum class Mark { None, Asked, Trained };

struct Piece {
  enum class Source { Template, Message };
  Source source = Source::Template;
  std::string text = {};
  Mark mark = Mark::None;
  bool begins_answer = false;  // all before it is a prompt
};

// Prompt::Yes: the last piece opens an answer, for a model to go on.
enum class Prompt { No, Yes };
// Without a {bos} before the whole, see ChatTemplate. Throws Error(User) that names the turn for an order of roles that
// the template refuses.
[[nodiscard]] std::vector<Piece> lay_out(const ChatFormat& format, std::span<const Message> messages, Prompt prompt);
// From an answer's beginning to its end token: what a model writes after a prompt.
[[nodiscard]] std::vector<Piece> lay_out_answer(const ChatFormat& format, std::string_view text);

}  // namespace chat
}  // namespace faqsmith
