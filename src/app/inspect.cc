// Renders with ChatTemplate, as train and generate do.
#include "app/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "faq/prompts.h"
#include "model/weights.h"
#include "store/tables.h"

namespace faqsmith {
namespace {

constexpr const char* kGreen = "\033[30;42m";
constexpr const char* kGrey = "\033[2m";
constexpr const char* kPlain = "\033[0m";

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

PairRow pair_or_throw(Database* db, std::string_view number) {
  if (db == nullptr) {
    throw Error(Kind::User, fmt::format("pair {} is looked for, but there is no workspace here", number),
                "name it with -w FOLDER");
  }
  RowId id = 0;
  std::from_chars(number.data(), number.data() + number.size(), id);
  for (auto& pair : list_pairs(*db)) {
    if (pair.id == id) return std::move(pair);
  }
  throw Error(Kind::User, fmt::format("there is no pair {}", number),
              "see the pairs with: faqsmith export --data messages");
}

std::string quoted_bytes(std::string_view bytes) {
  std::string out = "\"";
  for (const char c : bytes) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

Tokenizer load_tokenizer(const fs::path& model) {
  return Tokenizer(read_model_info(model).tokenizer);
}

InspectedPrompt inspect_prompt(std::string_view what, std::string_view topic, Database* db,
                               const Tokenizer& tokenizer) {
  InspectedPrompt out;
  const ChatTemplate chat(tokenizer);
  RenderedChat rendered;
  if (is_number(what)) {
    const PairRow pair = pair_or_throw(db, what);
    out.what =
        fmt::format("pair {} ({}, {}, {})", pair.id, pair.form, pair.verdict.empty() ? "not judged" : pair.verdict,
                    pair.part.empty() ? "in no part" : pair.part);
    auto messages = bot_messages(topic, pair.question);
    messages.push_back({Role::Assistant, pair.answer});
    rendered = chat.render(messages);
  } else {
    out.what = "question";
    rendered.ids = chat.prompt(bot_messages(topic, what));
    rendered.trained.assign(rendered.ids.size(), false);
  }
  for (std::size_t i = 0; i < rendered.ids.size(); ++i) {
    const TokenId id = rendered.ids[i];
    const bool control = tokenizer.is_control(id);
    out.tokens.push_back(
        {id, control ? tokenizer.decode({id}) : tokenizer.token_bytes(id), rendered.trained[i], control});
    out.n_trained += rendered.trained[i] ? 1 : 0;
  }
  return out;
}

std::string marked_text(const InspectedPrompt& prompt, bool colour) {
  std::string out;
  bool inside = false;
  for (const auto& token : prompt.tokens) {
    if (token.trained != inside) out += colour ? (token.trained ? kGreen : kPlain) : (token.trained ? "«" : "»");
    inside = token.trained;
    out += colour && token.control && !inside ? kGrey + token.text + kPlain : token.text;
  }
  if (inside) out += colour ? kPlain : "»";
  return out;
}

std::string token_lines(const InspectedPrompt& prompt, bool colour) {
  std::string out;
  for (const auto& token : prompt.tokens) {
    out += fmt::format("{:>7}  {}{}{}{}\n", token.id, token.trained ? "trained  " : "         ",
                       colour && token.trained ? kGreen : "", quoted_bytes(token.text),
                       colour && token.trained ? kPlain : "");
  }
  return out;
}

}  // namespace faqsmith
