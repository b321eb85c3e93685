// ChatML: <|im_start|>role\ncontent<|im_end|>\n. Text is encoded apart from the control tokens, so nothing a document
// or user writes can close a turn.
#include "text/chat_template.h"

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

constexpr const char* kStart = "<|im_start|>";
constexpr const char* kEnd = "<|im_end|>";

const char* role_name(Role role) {
  switch (role) {
    case Role::System:
      return "system";
    case Role::User:
      return "user";
    case Role::Assistant:
      return "assistant";
  }
  throw Error(Kind::Internal, "a message has no known role");
}

bool is_chatml(const std::string& text) {
  const auto has = [&](const char* part) { return text.find(part) != std::string::npos; };
  const bool frames_role = has("message['role']") || has("message.role") || has("message[\"role\"]");
  const bool frames_text = has("message['content']") || has("message.content") || has("message[\"content\"]");
  return has(kStart) && has(kEnd) && frames_role && frames_text && !has("<|im_sep|>") && !has("[INST]");
}

std::string first_lines(const std::string& text) {
  const std::string shown = replace_all(text.substr(0, 160), "\n", "\\n");
  return text.size() > 160 ? shown + "…" : shown;
}

class Writer {
 public:
  explicit Writer(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  enum class Mark { None, Trained, Asked };
  void text(std::string_view part, Mark mark) {
    for (const TokenId id : tokenizer_.encode(part)) token(id, mark);
  }
  void token(TokenId id, Mark mark) {
    chat_.ids.push_back(id);
    chat_.trained.push_back(mark == Mark::Trained);
    chat_.asked.push_back(mark == Mark::Asked);
  }
  // Marks the last tokens, the first n_before excepted.
  void mark_asked_from(std::size_t n_before) {
    for (std::size_t i = n_before; i < chat_.asked.size(); ++i) chat_.asked[i] = true;
  }
  [[nodiscard]] std::size_t size() const { return chat_.ids.size(); }
  [[nodiscard]] RenderedChat take() { return std::move(chat_); }

 private:
  const Tokenizer& tokenizer_;
  RenderedChat chat_;
};

}  // namespace

ChatTemplate::ChatTemplate(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  const std::string& text = tokenizer.spec().chat_template;
  if (text.empty())
    throw Error(Kind::Input, "the model has no chat template (tokenizer.chat_template)",
                "use a chat or instruct model, not a base model");
  if (!is_chatml(text))
    throw Error(Kind::Input, "the model's chat template is not supported yet; it begins: " + first_lines(text),
                "use a model with the ChatML template (<|im_start|>role … <|im_end|>)");
  start_ = tokenizer.control_id(kStart);
  end_ = tokenizer.control_id(kEnd);
}

RenderedChat ChatTemplate::render(const std::vector<Message>& messages) const {
  using Mark = Writer::Mark;
  Writer out(tokenizer_);
  const TokenizerSpec& spec = tokenizer_.spec();
  if (spec.add_bos && spec.bos != start_) out.token(spec.bos, Mark::None);
  for (const Message& message : messages) {
    const std::string opening = std::string(role_name(message.role)) + "\n";
    out.token(start_, Mark::None);
    if (message.role == Role::Assistant) {
      // Encoded apart from its opening, so that prompt() is exactly the beginning of what was trained.
      out.text(opening, Mark::None);
      out.text(message.text, Mark::Trained);
      out.token(end_, Mark::Trained);
    } else {
      const std::size_t begin = out.size();
      out.text(opening + message.text, Mark::None);
      if (message.role == Role::User) out.mark_asked_from(begin + tokenizer_.encode(opening).size());
      out.token(end_, Mark::None);
    }
    out.text("\n", Mark::None);
  }
  return out.take();
}

std::vector<TokenId> ChatTemplate::prompt(const std::vector<Message>& messages) const {
  std::vector<TokenId> ids = render(messages).ids;
  ids.push_back(start_);
  for (const TokenId id : tokenizer_.encode("assistant\n")) ids.push_back(id);
  return ids;
}

TokenId ChatTemplate::end_of_turn() const {
  return end_;
}
const char* ChatTemplate::name() const {
  return "chatml";
}

}  // namespace faqsmith
