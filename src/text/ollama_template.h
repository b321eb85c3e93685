// A chat format in the language of Ollama's TEMPLATE (Go's text/template over .Messages), and the Modelfile around it.
// Non-goal: white space around messages is not trimmed as some Jinja templates do, because Ollama has no function for
// it. Sources: Ollama's docs/modelfile.md and docs/template.md.
#pragma once
#include <string>
#include <vector>

#include "text/chat_format.h"

namespace faqsmith {

struct OllamaTokens {
  std::string bos, eos;        // as text; empty where the vocabulary has none
  bool bos_by_runner = false;  // the GGUF file says add_bos_token: Ollama puts the first one itself
  bool bos_in_front = false;   // a prompt begins with BOS
};
[[nodiscard]] std::string ollama_template(const chat::ChatFormat& format, const OllamaTokens& tokens);

struct Modelfile {
  std::string from;           // the GGUF file, relative to the Modelfile
  std::string template_text;  // ollama_template()
  std::string system;         // the bot's system prompt
  std::vector<std::string> stop;
  double temperature = 0;
};
[[nodiscard]] std::string modelfile_text(const Modelfile& modelfile);

}  // namespace faqsmith
