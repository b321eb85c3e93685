// Golden texts. tools/oracle/ollama_templates.py renders such templates with Go's own text/template.
#include "text/ollama_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json_text.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

std::string template_of(std::string_view name, const OllamaTokens& tokens) {
  const auto formats = chat::chat_formats();
  const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& f) { return f.name == name; });
  return ollama_template(*found, tokens);
}

constexpr const char* kUser = "{{ else if eq $m.Role \"user\" }}";
constexpr const char* kAssistant = "{{ else if eq $m.Role \"assistant\" }}";

TEST(OllamaTemplate, ChatMl) {
  EXPECT_EQ(template_of("chatml", {.bos = "", .eos = "<|im_end|>"}),
            std::string("{{ range $i, $m := .Messages }}{{ if eq $m.Role \"system\" }}<|im_start|>system\n"
                        "{{ $m.Content }}<|im_end|>\n") +
                kUser + "<|im_start|>user\n{{ $m.Content }}<|im_end|>\n" + kAssistant +
                "<|im_start|>assistant\n{{ $m.Content }}<|im_end|>\n{{ end }}{{ end }}<|im_start|>assistant\n");
}

TEST(OllamaTemplate, Llama3HasItsBosFromTheRunnerOrInTheTemplate) {
  const std::string body =
      std::string(
          "{{ range $i, $m := .Messages }}{{ if eq $m.Role \"system\" }}"
          "<|start_header_id|>system<|end_header_id|>\n\n{{ $m.Content }}<|eot_id|>") +
      kUser + "<|start_header_id|>user<|end_header_id|>\n\n{{ $m.Content }}<|eot_id|>" + kAssistant +
      "<|start_header_id|>assistant<|end_header_id|>\n\n{{ $m.Content }}<|eot_id|>{{ end }}{{ end }}"
      "<|start_header_id|>assistant<|end_header_id|>\n\n";
  OllamaTokens tokens{.bos = "<|begin_of_text|>", .eos = "<|eot_id|>", .bos_by_runner = true, .bos_in_front = true};
  EXPECT_EQ(template_of("llama-3", tokens), body);
  tokens.bos_by_runner = false;
  EXPECT_EQ(template_of("llama-3", tokens), "<|begin_of_text|>" + body);
}

TEST(OllamaTemplate, Llama31BeginsWithItsDatesEvenWithoutASystemMessage) {
  const std::string text = template_of("llama-3.1", {});
  EXPECT_THAT(text,
              HasSubstr("{{ if and (eq $i 0) (ne $m.Role \"system\") }}<|start_header_id|>system<|end_header_id|>"
                        "\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>{{ end }}"));
  EXPECT_THAT(text, HasSubstr("Today Date: 26 Jul 2024\n\n{{ $m.Content }}<|eot_id|>"));
}

TEST(OllamaTemplate, Llama2PutsTheSystemMessageIntoTheFirstQuestion) {
  const OllamaTokens tokens{.bos = "<s>", .eos = "</s>", .bos_by_runner = true, .bos_in_front = true};
  EXPECT_EQ(template_of("llama-2", tokens),
            std::string("{{ $asked := false }}{{ $system := \"\" }}{{ range $i, $m := .Messages }}"
                        "{{ if eq $m.Role \"system\" }}{{ $system = $m.Content }}") +
                kUser +
                "{{ if $asked }}<s>{{ end }}[INST] {{ if $system }}<<SYS>>\n{{ $system }}\n<</SYS>>\n\n"
                "{{ $system = \"\" }}{{ end }}{{ $m.Content }} [/INST]{{ $asked = true }}" +
                kAssistant + " {{ $m.Content }} </s>{{ end }}{{ end }}");
}

TEST(OllamaTemplate, MistralPutsItIntoTheFirstOrTheLastQuestion) {
  const OllamaTokens tokens{.bos = "<s>", .eos = "</s>", .bos_by_runner = true, .bos_in_front = true};
  EXPECT_THAT(
      template_of("mistral-v0.1", tokens),
      HasSubstr("[INST] {{ if $system }}{{ $system }}\n\n{{ $system = \"\" }}{{ end }}{{ $m.Content }} [/INST]"));
  EXPECT_THAT(template_of("mistral-v0.3", tokens),
              HasSubstr("[INST] {{ if and $system (eq (len (slice $.Messages $i)) 1) }}{{ $system }}\n\n{{ end }}"
                        "{{ $m.Content }}[/INST]"));
}

TEST(OllamaTemplate, Zephyr) {
  const std::string text = template_of("zephyr", {.bos = "<s>", .eos = "</s>", .bos_by_runner = true});
  EXPECT_THAT(text, HasSubstr("<|system|>\n{{ $m.Content }}</s>\n"));
  EXPECT_THAT(text, HasSubstr("<|user|>\n{{ $m.Content }}</s>\n"));
  EXPECT_THAT(text, testing::EndsWith("<|assistant|>\n{{ $m.Content }}</s>\n{{ end }}{{ end }}<|assistant|>\n"));
}

TEST(OllamaTemplate, AModelfileQuotesWhatItHolds) {
  EXPECT_EQ(modelfile_text({.from = "model-q8_0.gguf",
                            .template_text = "{{ .Prompt }}\n",
                            .system = "Say \"hello\".\nNever \"\"\"quote\"\"\".",
                            .stop = {"<|im_end|>", "\"x\""},
                            .temperature = 0.25}),
            "FROM ./model-q8_0.gguf\nTEMPLATE \"\"\"{{ .Prompt }}\n\"\"\"\n"
            "SYSTEM \"\"\"Say \"hello\".\nNever ''quote''.\"\"\"\n"
            "PARAMETER stop \"<|im_end|>\"\nPARAMETER stop \"\\\"x\\\"\"\nPARAMETER temperature 0.25\n");
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// What our own layout makes of each conversation, for tools/oracle/ollama_templates.py to compare with Go.
TEST(OllamaTemplate, WritesCasesForGo) {
  const char* path = std::getenv("FAQSMITH_WRITE_FILES");
  if (!path) GTEST_SKIP() << "run by tools/oracle/ollama_templates.py";
  const Message system{Role::System, "You answer questions about boats."}, ask{Role::User, "How long is \"Ada\"?"},
      answer{Role::Assistant, "12 m."}, again{Role::User, "And <how> wide?"};
  nlohmann::json cases = nlohmann::json::array();
  for (const chat::ChatFormat& format : chat::chat_formats()) {
    for (const bool by_runner : {false, true}) {
      for (const auto& messages :
           std::vector<std::vector<Message>>{{system, ask}, {ask}, {system, ask, answer, again}}) {
        const OllamaTokens tokens{.bos = "<s>", .eos = "</s>", .bos_by_runner = by_runner, .bos_in_front = true};
        std::string expected;
        for (const chat::Piece& piece : chat::lay_out(format, messages, chat::Prompt::Yes)) expected += piece.text;
        expected = replaced(replaced(expected, "{bos}", "<s>"), "{eos}", "</s>");
        if (!expected.starts_with("<s>")) expected = "<s>" + expected;
        if (by_runner) expected.erase(0, 3);
        nlohmann::json said = nlohmann::json::array();
        for (const Message& m : messages) {
          const char* role = m.role == Role::System ? "system" : m.role == Role::User ? "user" : "assistant";
          said.push_back({role, m.text});
        }
        cases.push_back({{"format", format.name},
                         {"template", ollama_template(format, tokens)},
                         {"messages", said},
                         {"expected", expected}});
      }
    }
  }
  std::ofstream(path) << json_text(cases);
}

}  // namespace
}  // namespace faqsmith
