// Frames stand in the template as they are: no {{- or -}}, which would eat their line ends.
#include "text/ollama_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace faqsmith {
namespace {

using chat::ChatFormat;
using chat::SystemPlace;

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(from, at), text.size());
    out += text.substr(at, found - at);
    if (found == text.size()) break;
    out += to;
    at = found + from.size();
  }
  return out;
}

struct Writer {
  const ChatFormat& format;
  const OllamaTokens& tokens;

  // bos: what stands for {bos}.
  [[nodiscard]] std::string frame(chat::Frame text, std::string_view bos) const {
    return replaced(replaced(text, "{bos}", bos), "{eos}", tokens.eos);
  }
  [[nodiscard]] std::string frame(chat::Frame text) const { return frame(text, tokens.bos); }

  // A turn of its own, or what the question carries.
  [[nodiscard]] std::string system(std::string_view content) const {
    return frame(format.system_open) + std::string(format.preamble) + std::string(content) + frame(format.system_close);
  }

  [[nodiscard]] std::string question() const {
    // Of formats in which each question has a BOS, Ollama's runner puts the first.
    const std::string bos = tokens.bos_by_runner ? "{{ if $asked }}" + tokens.bos + "{{ end }}" : tokens.bos;
    std::string out = frame(format.question_open, bos);
    if (format.system_place == SystemPlace::FirstQuestion)
      out += "{{ if $system }}" + system("{{ $system }}") + "{{ $system = \"\" }}{{ end }}";
    if (format.system_place == SystemPlace::LastQuestion) {
      out += "{{ if and $system (eq (len (slice $.Messages $i)) 1) }}" + system("{{ $system }}") + "{{ end }}";
    }
    return out + "{{ $m.Content }}" + frame(format.question_close) + (bos_each() ? "{{ $asked = true }}" : "");
  }

  [[nodiscard]] bool bos_each() const { return format.question_open.find("{bos}") != chat::Frame::npos; }

  [[nodiscard]] std::string answer() const {
    return frame(format.answer_open) + frame(format.answer_lead) + "{{ $m.Content }}" + frame(format.answer_trail) +
           frame(format.answer_end) + frame(format.answer_close);
  }
};

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", replaced(text, "\"", "\\\""));
}

}  // namespace

std::string ollama_template(const ChatFormat& format, const OllamaTokens& tokens) {
  const Writer write{format, tokens};
  const bool own_turn = format.system_place == SystemPlace::OwnTurn;
  std::string out;
  if (write.bos_each()) out += "{{ $asked := false }}";
  if (!own_turn) out += "{{ $system := \"\" }}";
  if (tokens.bos_in_front && !tokens.bos_by_runner && !write.bos_each()) out += tokens.bos;
  out += "{{ range $i, $m := .Messages }}";
  if (!format.preamble.empty())
    out += "{{ if and (eq $i 0) (ne $m.Role \"system\") }}" + write.system("") + "{{ end }}";
  out += "{{ if eq $m.Role \"system\" }}";
  out += own_turn ? write.system("{{ $m.Content }}") : "{{ $system = $m.Content }}";
  out += "{{ else if eq $m.Role \"user\" }}" + write.question();
  out += "{{ else if eq $m.Role \"assistant\" }}" + write.answer();
  return out + "{{ end }}{{ end }}" + write.frame(format.answer_open);
}

std::string modelfile_text(const Modelfile& modelfile) {
  std::string out = fmt::format("FROM ./{}\nTEMPLATE \"\"\"{}\"\"\"\n", modelfile.from, modelfile.template_text);
  // Three quotes end a text in a Modelfile.
  out += fmt::format("SYSTEM \"\"\"{}\"\"\"\n", replaced(modelfile.system, "\"\"\"", "''"));
  for (const std::string& stop : modelfile.stop) out += fmt::format("PARAMETER stop {}\n", quoted(stop));
  return out + fmt::format("PARAMETER temperature {}\n", modelfile.temperature);
}

}  // namespace faqsmith
