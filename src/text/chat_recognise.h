// Which known format a model's chat template is: told by what it does. A few conversations are rendered by the template
// and by each format of the table; a template that renders one of them otherwise is another format and is refused.
#pragma once
#include <string>
#include <string_view>

#include "text/chat_format.h"

namespace faqsmith::chat {

struct Recognised {
  const ChatFormat* format = nullptr;
  bool writes_bos = false;  // the template begins with the BOS token
};

// A system message that a template puts in where there is none ("You are … named SmolLM") is another product's name:
// it is no difference, and never rendered. Throws Error(Input) with the template's first lines.
[[nodiscard]] Recognised recognise(const std::string& chat_template, std::string_view bos, std::string_view eos);

// A layout as one text, with the vocabulary's names for {bos} and {eos}.
[[nodiscard]] std::string text_of(const std::vector<Piece>& pieces, std::string_view bos, std::string_view eos);

}  // namespace faqsmith::chat
