// From a layout to ids. Message text and frame text between two control tokens is encoded as one string, as
// transformers does after rendering; only where an answer begins it is cut, so that a prompt is a prefix of what was
// trained. Message text is never looked through for control tokens, so nothing a document or user writes ends a turn.
#include "text/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "text/chat_recognise.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

using chat::Mark;

bool is_white(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// A stretch of a section's text that carries one mark.
struct Span {
  std::size_t begin = 0, end = 0;
  Mark mark = Mark::None;
};

// A token belongs to a stretch if it lies in it or shares more than white space with it: "▁Where" of "[INST] Where" is
// asked, the line end before a question is not.
bool belongs(const Span& span, std::string_view section, std::size_t begin, std::size_t end) {
  if (begin >= span.begin && end <= span.end) return begin < end;
  const std::size_t from = std::max(begin, span.begin), to = std::min(end, span.end);
  return from < to && !std::all_of(section.begin() + static_cast<std::ptrdiff_t>(from),
                                   section.begin() + static_cast<std::ptrdiff_t>(to), is_white);
}

// Where each token stands in its section. A vocabulary may put a space before a section, or leave out bytes that it
// cannot say.
std::vector<Span> places_of(const std::vector<TokenId>& ids, const Tokenizer& tokenizer, std::string_view section) {
  std::vector<std::string_view> bytes;
  std::size_t n_bytes = 0;
  for (const TokenId id : ids) n_bytes += bytes.emplace_back(tokenizer.token_bytes(id)).size();
  if (n_bytes == section.size() + 1 && bytes[0].starts_with(' ')) bytes[0].remove_prefix(1);
  std::vector<Span> places;
  std::size_t at = 0;
  for (const std::string_view token : bytes) {
    constexpr std::size_t kFar = 256;
    const std::size_t found = section.substr(at, kFar).find(token);
    places.push_back(found == std::string_view::npos ? Span{at, at} : Span{at + found, at + found + token.size()});
    at = places.back().end;
  }
  return places;
}

// Collects text until a control token or the beginning of an answer, then encodes it.
class Encoder {
 public:
  explicit Encoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void text(std::string_view text, Mark mark) {
    if (text.empty()) return;
    spans_.push_back({section_.size(), section_.size() + text.size(), mark});
    section_ += text;
  }
  void control(TokenId id, Mark mark) {
    flush();
    push(id, mark);
    place_ = TextPlace::AfterControl;
  }
  void begin_answer() { flush(); }
  [[nodiscard]] RenderedChat take() {
    flush();
    return std::move(chat_);
  }

 private:
  void push(TokenId id, Mark mark) {
    chat_.ids.push_back(id);
    chat_.trained.push_back(mark == Mark::Trained);
    chat_.asked.push_back(mark == Mark::Asked);
  }
  void flush() {
    if (section_.empty()) return;
    const std::vector<TokenId> ids = tokenizer_.encode(section_, place_);
    const std::vector<Span> places = places_of(ids, tokenizer_, section_);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto owner = std::find_if(spans_.begin(), spans_.end(), [&](const Span& span) {
        return span.mark != Mark::None && belongs(span, section_, places[i].begin, places[i].end);
      });
      // All of a section that begins an answer is trained, whatever the alignment says.
      const bool answers = spans_.front().mark == Mark::Trained;
      push(ids[i], answers ? Mark::Trained : owner == spans_.end() ? Mark::None : owner->mark);
    }
    section_.clear();
    spans_.clear();
    place_ = TextPlace::Middle;
  }

  const Tokenizer& tokenizer_;
  std::string section_;  // not yet encoded
  TextPlace place_ = TextPlace::Start;
  std::vector<Span> spans_;
  RenderedChat chat_;
};

std::string token_text(const TokenizerSpec& spec, TokenId id) {
  return id < 0 ? std::string() : spec.tokens[static_cast<std::size_t>(id)];
}

std::array<chat::Frame, 10> frames_of(const chat::ChatFormat& f) {
  return {f.system_open, f.system_close, f.preamble,     f.question_open, f.question_close,
          f.answer_open, f.answer_lead,  f.answer_trail, f.answer_end,    f.answer_close};
}

}  // namespace

ChatTemplate::ChatTemplate(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  const TokenizerSpec& spec = tokenizer.spec();
  if (spec.chat_template.empty())
    throw Error(Kind::Input, "the model has no chat template (tokenizer.chat_template)",
                "use a chat or instruct model, not a base model");
  const chat::Recognised found =
      chat::recognise(spec.chat_template, token_text(spec, spec.bos), token_text(spec, spec.eos));
  format_ = found.format;
  find_controls(spec);
  const auto wants_each = format_->question_open.find("{bos}") != chat::Frame::npos;
  has_bos_ = !wants_each && (found.writes_bos || spec.add_bos);
  const std::vector<Step> end = steps_of({{chat::Piece::Source::Template, std::string(format_->answer_end)}});
  if (end.size() != 1 || end[0].control < 0)
    throw Error(Kind::Input,
                fmt::format("the chat template ({}) ends a turn with {}, which is no control token of the vocabulary",
                            name(), end.empty() ? "nothing" : end[0].text),
                "use a chat model whose vocabulary and chat template belong together");
  end_ = end[0].control;
}

// Control tokens by their names in the frames: those that the format cannot do without must be there.
void ChatTemplate::find_controls(const TokenizerSpec& spec) {
  const auto frames = frames_of(*format_);
  const auto occurs = [&](std::string_view text) {
    return std::any_of(frames.begin(), frames.end(),
                       [&](chat::Frame frame) { return frame.find(text) != chat::Frame::npos; });
  };
  for (const char* name : {"<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"})
    if (occurs(name)) (void)tokenizer_.control_id(name);
  for (const auto& [name, id] : {std::pair{"{bos}", spec.bos}, std::pair{"{eos}", spec.eos}}) {
    if (!occurs(name)) continue;
    if (id < 0 || !tokenizer_.is_control(id))
      throw Error(Kind::Input,
                  fmt::format("the chat template ({}) needs {}, which the vocabulary lacks as a control token",
                              format_->name, name),
                  "use a chat model whose vocabulary and chat template belong together");
    controls_.emplace_back(name, id);
  }
  for (TokenId id = 0; id < tokenizer_.vocab_size(); ++id) {
    const std::string& text = spec.tokens[static_cast<std::size_t>(id)];
    if (tokenizer_.is_control(id) && occurs(text)) controls_.emplace_back(text, id);
  }
  std::stable_sort(controls_.begin(), controls_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

std::vector<ChatTemplate::Step> ChatTemplate::steps_of(const std::vector<chat::Piece>& pieces) const {
  std::vector<Step> steps;
  for (const chat::Piece& piece : pieces) {
    if (piece.source == chat::Piece::Source::Message) {
      steps.push_back({.text = repair_utf8(piece.text), .mark = piece.mark});
      continue;
    }
    if (piece.begins_answer) steps.push_back({.mark = piece.mark, .begins_answer = true});
    std::string_view rest = piece.text;
    std::size_t n_text = 0;  // bytes at the front of rest that are no control token
    while (n_text < rest.size()) {
      const auto control = std::find_if(controls_.begin(), controls_.end(),
                                        [&](const auto& c) { return rest.substr(n_text).starts_with(c.first); });
      if (control == controls_.end()) {
        ++n_text;
        continue;
      }
      if (n_text > 0) steps.push_back({.text = std::string(rest.substr(0, n_text)), .mark = piece.mark});
      steps.push_back({.control = control->second, .mark = piece.mark});
      rest.remove_prefix(n_text + control->first.size());
      n_text = 0;
    }
    if (n_text > 0) steps.push_back({.text = std::string(rest), .mark = piece.mark});
  }
  return steps;
}

std::vector<ChatTemplate::Step> ChatTemplate::with_bos(std::vector<Step> steps) const {
  const TokenId bos = tokenizer_.spec().bos;
  const bool is_there = !steps.empty() && steps[0].control == bos;
  if (has_bos_ && !is_there) steps.insert(steps.begin(), Step{.control = bos});
  return steps;
}

RenderedChat ChatTemplate::encode(const std::vector<Step>& steps) const {
  Encoder out(tokenizer_);
  for (const Step& step : steps) {
    if (step.begins_answer) out.begin_answer();
    if (step.control >= 0) {
      out.control(step.control, step.mark);
    } else {
      out.text(step.text, step.mark);
    }
  }
  return out.take();
}

RenderedChat ChatTemplate::render(const std::vector<Message>& messages) const {
  return encode(with_bos(steps_of(lay_out(*format_, messages, chat::Prompt::No))));
}

std::vector<TokenId> ChatTemplate::prompt(const std::vector<Message>& messages) const {
  return encode(with_bos(steps_of(lay_out(*format_, messages, chat::Prompt::Yes)))).ids;
}

std::vector<TokenId> ChatTemplate::answer(std::string_view text) const {
  // An answer's ids depend on the text before it only by the frame that it stands in.
  std::vector<chat::Piece> pieces = {{chat::Piece::Source::Template, std::string(format_->question_close)},
                                     {chat::Piece::Source::Template, std::string(format_->answer_open)}};
  const std::size_t n_before = encode(steps_of(pieces)).ids.size();
  for (chat::Piece& piece : lay_out_answer(*format_, text)) pieces.push_back(std::move(piece));
  std::vector<TokenId> ids = encode(steps_of(pieces)).ids;
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n_before));
  return ids;
}

std::string ChatTemplate::without_lead(std::string_view reply) const {
  if (reply.starts_with(format_->answer_lead)) reply.remove_prefix(format_->answer_lead.size());
  return std::string(reply);
}

std::string ChatTemplate::text(const std::vector<Message>& messages, chat::Prompt prompt) const {
  std::string out;
  for (const Step& step : with_bos(steps_of(lay_out(*format_, messages, prompt))))
    out += step.control >= 0 ? token_text(tokenizer_.spec(), step.control) : step.text;
  return out;
}

}  // namespace faqsmith
