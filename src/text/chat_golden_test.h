// Reads tests/golden/chat_templates.json and the templates it speaks of (written by
// tools/oracle/chat_template_golden.py).
#pragma once
#include <string>
#include <vector>

#include "text/chat_format.h"
#include "text/tokenizer.h"

namespace faqsmith {

struct GoldenTemplate {
  std::string file, text;
  std::string format;  // its name; empty: a foreign template
  std::string bos, eos;
  std::string default_system;  // what the template says where there is no system message
  // For each conversation the beginning of a SHA-256; "!": the template raises an error, "?": it fails otherwise.
  std::vector<std::string> whole, prompt;
  std::vector<std::string> ids;  // of the prompt under golden_spec(); "-": not compared
};

struct GoldenTemplates {
  std::vector<std::vector<Message>> conversations;
  std::vector<GoldenTemplate> templates;
  std::vector<std::string> controls;
};

[[nodiscard]] const GoldenTemplates& golden_templates();
[[nodiscard]] std::string golden_digest(const std::string& text);
[[nodiscard]] std::string golden_digest(const std::vector<TokenId>& ids);
// SmolLM2's small golden vocabulary with these control tokens behind it and the template set in.
[[nodiscard]] TokenizerSpec golden_spec(const GoldenTemplate& golden);

}  // namespace faqsmith
