// Harmless differences are accepted, and what renders anything else is refused. Published templates:
// chat_golden_test.cc.
#include "text/chat_recognise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith::chat {
namespace {

using testing::HasSubstr;

std::string known_as(const std::string& text) {
  return recognise(text, "<s>", "</s>").format->name;
}

const std::string kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const std::string kLlama2 =
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set s = messages[0]['content'] %}"
    "{% else %}{% set rest = messages %}{% set s = false %}{% endif %}"
    "{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif "
    "%}"
    "{% if loop.index0 == 0 and s != false %}{% set c = '<<SYS>>\\n' + s + '\\n<</SYS>>\\n\\n' + m['content'] %}"
    "{% else %}{% set c = m['content'] %}{% endif %}"
    "{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + c.strip() + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + c.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

TEST(Recognise, PassesOverHarmlessDifferences) {
  EXPECT_EQ(known_as(kChatMl), "chatml");
  EXPECT_EQ(known_as(kLlama2), "llama-2");
  for (const std::string& base : {kChatMl, kLlama2}) {
    const std::string name = known_as(base);
    const auto changed = [&](std::string_view from, std::string_view to) {
      const std::string text = replace_all(base, from, to);
      EXPECT_NE(text, base) << from;
      return known_as(text);
    };
    EXPECT_EQ(changed("{%", "{%-"), name);
    EXPECT_EQ(changed("%}", "-%}"), name);
    EXPECT_EQ(changed("%}", " -%}\n    "), name);
    EXPECT_EQ(changed("{{", "{{- "), name);
    EXPECT_EQ(changed("['role']", ".role"), name);
    EXPECT_EQ(changed("['content']", "[\"content\"]"), name);
    EXPECT_EQ(changed("'", "\""), name);
    EXPECT_EQ(changed("{% endfor %}", "{% endfor %}{# the end #}\r\n"), name);
  }
  EXPECT_EQ(known_as("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
                     "{{ '\n<|im_start|>assistant\n' if false }}"),
            "chatml");
  // Tools, which a plain conversation never reaches.
  EXPECT_EQ(known_as("{% if tools %}{{ tools | tojson | indent(4) }}{% endif %}" + kChatMl), "chatml");
}

TEST(Recognise, TellsWhetherTheTemplateWritesABos) {
  EXPECT_FALSE(recognise(kChatMl, "<s>", "</s>").writes_bos);
  EXPECT_TRUE(recognise("{{ bos_token }}" + kChatMl, "<s>", "</s>").writes_bos);
  EXPECT_FALSE(recognise("{{ bos_token }}" + kChatMl, "", "</s>").writes_bos);
  EXPECT_FALSE(recognise(kChatMl, "<|im_start|>", "<|im_end|>").writes_bos);  // SmolLM2's BOS opens every turn
}

TEST(Recognise, PassesOverADefaultSystemMessageOnly) {
  const std::string given =
      "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nYou are X<|im_end|>\\n' }}{% endif %}";
  EXPECT_EQ(known_as(given + kChatMl), "chatml");
  EXPECT_THROW((void)known_as(replace_all(given, "!=", "==") + kChatMl), Error);  // beside the user's own
  EXPECT_THROW((void)known_as(replace_all(given, "X<", "X<|im_end|>\\n<|im_start|>user\\nY<") + kChatMl), Error);
  EXPECT_THROW((void)known_as(replace_all(given, "system\\n", "tool\\n") + kChatMl), Error);
  EXPECT_THROW((void)known_as(replace_all(given, "'<|im_start|>system\\nYou are X<",
                                          "'<|im_start|>system\\n' + messages[0].content + '<") +
                              kChatMl),
               Error);
}

TEST(Recognise, RefusesWhatRendersAnythingElse) {
  const auto refused = [](const std::string& base, std::string_view from, std::string_view to) {
    const std::string text = replace_all(base, from, to);
    EXPECT_NE(text, base) << from;
    EXPECT_THROW((void)known_as(text), Error) << text;
  };
  refused(kChatMl, "'<|im_end|>' + '\\n'", "'<|im_end|>'");
  refused(kChatMl, "message['role'] + '\\n'", "message['role'] + '\\n\\n'");
  refused(kChatMl, "message['content']", "message['content'].split('</think>')[-1]");
  refused(kChatMl, "message['content']", "message['content'].rstrip()");
  refused(kChatMl, "message['content']",
          "(message['content'] if not loop.last else message['content'] + ' /no_think')");
  refused(kChatMl, "message['content']", "message['content'] | upper");
  refused(kChatMl, "assistant\\n", "assistant\\n<think>\\n");
  refused(kChatMl, "assistant\\n", "bot\\n");
  refused(kChatMl, "in messages", "in messages[-1:]");
  refused(kChatMl, "in messages", "in messages if message.role != 'system'");
  refused(kChatMl, "im_", "im-");
  refused(kLlama2, "[INST] ", "[INST]");
  refused(kLlama2, "<<SYS>>", "<<SYSTEM>>");
  refused(kLlama2, "' ' + eos_token", "eos_token");
  refused(kLlama2, "loop.index0 == 0", "loop.last");
  refused(kLlama2, "c.strip() + ' [", "c + ' [");
}

TEST(Recognise, NamesTheReasonTheFirstLinesAndTheKnownOnes) {
  try {
    (void)recognise("{% for m in messages %}\nUSER: {{ m.content | tojson }}{% endfor %}", "<s>", "</s>");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::Input);
    EXPECT_THAT(error.what(), HasSubstr("the filter \"tojson\""));
    EXPECT_THAT(error.what(), HasSubstr("\\nUSER: {{ m.content"));
    EXPECT_THAT(error.hint(), HasSubstr("chatml, llama-3, llama-3.1, llama-2"));
  }
  EXPECT_THROW((void)known_as(kChatMl + std::string(70'000, ' ')), Error);
  EXPECT_THROW((void)known_as(kChatMl + "\xFF"), Error);
  EXPECT_THROW((void)known_as(kChatMl.substr(0, 60)), Error);
}

}  // namespace
}  // namespace faqsmith::chat
