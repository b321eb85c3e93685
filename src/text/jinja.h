// Renders a model's chat template for a plain conversation (no tools, no documents) as transformers does. Enough of
// Jinja to see how a template frames messages, so that a template is known by what it does and not by how it looks.
// A template is hostile data: bounded in steps, depth and bytes, and it reaches nothing but the messages.
// Source: Jinja 3.1's documentation; transformers' apply_chat_template (trim_blocks, lstrip_blocks, raise_exception).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_lexer.h"

namespace faqsmith::jinja {

struct TemplateInput {
  struct Message {
    std::string role, content;
  };
  std::vector<Message> messages = {};
  std::string bos_token = {}, eos_token = {};
  bool add_generation_prompt = false;
};

// The template itself refuses the conversation (raise_exception).
class Raised : public Error {
 public:
  explicit Raised(const std::string& what) : Error(Kind::User, what) {}
};

// strftime_now and date_string are not defined: a template then takes the date that it carries. What stands in branches
// that are not taken is not looked at. Throws Raised, or Unsupported for what goes beyond.
[[nodiscard]] std::string render(const std::vector<Part>& parts, const TemplateInput& input);

}  // namespace faqsmith::jinja
