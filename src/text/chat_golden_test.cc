// Every known template against Jinja: rendered text and ids of 260 conversations. The reader of templates against Jinja
// on the foreign ones as well.
#include "text/chat_golden_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "text/chat_recognise.h"
#include "text/chat_template.h"
#include "text/golden_tokenizer_test.h"
#include "text/jinja.h"

namespace faqsmith {
namespace {

using nlohmann::json;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), path + " is there");
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string_view word : split(text, ' ')) out.emplace_back(word);
  return out;
}

GoldenTemplates read_golden() {
  const std::string folder = FAQSMITH_SOURCE_DIR "/tests/golden/";
  const json fields = parse_json(read_file(folder + "chat_templates.json"));
  GoldenTemplates golden;
  golden.controls = fields.at("controls").get<std::vector<std::string>>();
  for (const json& turns : fields.at("conversations")) {
    auto& messages = golden.conversations.emplace_back();
    for (const json& turn : turns) {
      const std::string role = turn.at(0);
      messages.push_back({role == "s" ? Role::System : role == "u" ? Role::User : Role::Assistant, turn.at(1)});
    }
  }
  for (const json& row : fields.at("templates")) {
    golden.templates.push_back({.file = row.at("file"),
                                .text = read_file(folder + "templates/" + row.at("file").get<std::string>()),
                                .format = row.at("format"),
                                .bos = row.at("bos"),
                                .eos = row.at("eos"),
                                .default_system = row.at("default_system"),
                                .whole = words_of(row.at("whole")),
                                .prompt = words_of(row.at("prompt")),
                                .ids = words_of(row.value("ids", std::string()))});
  }
  return golden;
}

// What the reader of templates makes of a conversation, in the golden file's terms.
std::string read_by_us(const std::vector<jinja::Part>& parts, const GoldenTemplate& golden,
                       const std::vector<Message>& messages, bool opens) {
  jinja::TemplateInput input{.bos_token = golden.bos, .eos_token = golden.eos, .add_generation_prompt = opens};
  for (const Message& m : messages) {
    input.messages.push_back({m.role == Role::System ? "system" : m.role == Role::User ? "user" : "assistant", m.text});
  }
  try {
    return golden_digest(jinja::render(parts, input));
  } catch (const jinja::Raised&) {
    return "!";
  } catch (const jinja::Unsupported&) {
    return "?";
  }
}

TEST(Jinja, RendersEveryTemplateAsJinjaDoes) {
  std::size_t n_same = 0, n_unread = 0;
  for (const GoldenTemplate& golden : golden_templates().templates) {
    std::vector<jinja::Part> parts;
    try {
      parts = jinja::read_parts(golden.text);
    } catch (const jinja::Unsupported&) {
      EXPECT_EQ(golden.format, "") << golden.file;
      continue;
    }
    for (std::size_t i = 0; i < golden_templates().conversations.size(); ++i) {
      for (const bool opens : {false, true}) {
        const std::string theirs = opens ? golden.prompt[i] : golden.whole[i];
        const std::string ours = read_by_us(parts, golden, golden_templates().conversations[i], opens);
        n_same += ours == theirs ? 1 : 0;
        // Foreign templates may use what we do not read, but must never be read wrongly.
        if (golden.format.empty() && ours == "?") {
          ++n_unread;
          continue;
        }
        EXPECT_EQ(ours, theirs) << golden.file << " conversation " << i;
      }
    }
  }
  EXPECT_GT(n_same, 10'000u);
  RecordProperty("same", static_cast<int>(n_same));
  RecordProperty("unread", static_cast<int>(n_unread));
}

TEST(Recognise, KnowsEachPublishedTemplateAndRefusesEachForeignOne) {
  std::size_t n_foreign = 0;
  for (const GoldenTemplate& golden : golden_templates().templates) {
    if (golden.format.empty()) {
      ++n_foreign;
      EXPECT_THROW((void)chat::recognise(golden.text, golden.bos, golden.eos), Error) << golden.file;
    } else {
      EXPECT_EQ(chat::recognise(golden.text, golden.bos, golden.eos).format->name, golden.format) << golden.file;
    }
  }
  EXPECT_GE(n_foreign, 8u);
}

// How our rendering of a conversation is to be compared with the template's.
enum class Expected { Same, Refused, Own };
Expected expected_of(const GoldenTemplate& golden, const std::string& theirs, const std::vector<Message>& messages,
                     const chat::ChatFormat& format) {
  const bool has_system = messages[0].role == Role::System;
  if (format.order == chat::Order::Any) return theirs == "!" ? Expected::Refused : Expected::Same;
  // Templates pass over a system message in the middle, and over one that no question follows: we refuse to lose it.
  const auto later =
      std::find_if(messages.begin() + 1, messages.end(), [](const Message& m) { return m.role == Role::System; });
  if (later != messages.end() || (has_system && messages.size() == 1)) return Expected::Refused;
  if (theirs != "!") return Expected::Same;
  // Mistral's first templates refuse every system message. We put it where the later ones do.
  const bool system_is_new = has_system && (golden.format == "mistral-v0.1" || golden.format == "mistral-v0.2");
  return system_is_new ? Expected::Own : Expected::Refused;
}

std::string with_default(const GoldenTemplate& golden, const std::vector<Message>& messages, const std::string& text) {
  if (golden.default_system.empty() || messages[0].role == Role::System) return text;
  return "<|im_start|>system\n" + golden.default_system + "<|im_end|>\n" + text;
}

// Templates that open an answer whether they are asked to or not, or never.
constexpr const char* kAlwaysOpens = "llama-3-always-opens.jinja";
constexpr const char* kNeverOpens = "chatml-no-opening.jinja";

class EachTemplate : public testing::TestWithParam<std::size_t> {
 protected:
  const GoldenTemplate& golden = golden_templates().templates[GetParam()];
  const std::vector<std::vector<Message>>& conversations = golden_templates().conversations;
};

TEST_P(EachTemplate, RendersTheTextThatJinjaRenders) {
  const Tokenizer tokenizer(golden_spec(golden));
  const ChatTemplate chat(tokenizer);
  const chat::ChatFormat& format = *chat::recognise(golden.text, golden.bos, golden.eos).format;
  std::size_t n_same = 0, n_refused = 0;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    std::vector<Message> messages = conversations[i];
    const Expected expected = expected_of(golden, golden.whole[i], messages, format);
    if (expected == Expected::Refused) {
      EXPECT_THROW((void)chat.text(messages, chat::Prompt::No), Error) << i;
      EXPECT_THROW((void)chat.render(messages), Error) << i;
      ++n_refused;
      continue;
    }
    if (expected == Expected::Own) continue;
    const bool asks = messages.back().role == Role::User;
    if (asks) {
      const chat::Prompt opens = golden.file == kNeverOpens ? chat::Prompt::No : chat::Prompt::Yes;
      const std::string prompt = with_default(golden, messages, chat.text(messages, opens));
      EXPECT_EQ(golden_digest(prompt), golden.prompt[i]) << i << ": " << prompt;
    } else if (format.system_place == chat::SystemPlace::LastQuestion && messages[0].role == Role::System) {
      messages.erase(messages.begin());  // the template forgets it once the last question is answered
    }
    std::string whole = with_default(golden, messages, chat.text(messages, chat::Prompt::No));
    if (golden.file == kAlwaysOpens) whole += format.answer_open;
    EXPECT_EQ(golden_digest(whole), golden.whole[i]) << i << ": " << whole;
    ++n_same;
  }
  EXPECT_GE(n_same, 100u);
  EXPECT_GE(n_refused, format.order == chat::Order::Alternating ? 10u : 0u);
}

TEST_P(EachTemplate, GivesTheIdsOfTheWholeText) {
  const Tokenizer tokenizer(golden_spec(golden));
  const ChatTemplate chat(tokenizer);
  const bool empty_line = golden.format.starts_with("llama-3");
  std::size_t n_same = 0, n_cut = 0;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    const std::vector<Message>& messages = conversations[i];
    if (golden.ids[i] == "-" || messages.back().role != Role::User) continue;
    if (!golden.default_system.empty() && messages[0].role != Role::System) continue;
    std::string ours;
    try {
      ours = golden_digest(golden.file == kNeverOpens ? chat.render(messages).ids : chat.prompt(messages));
    } catch (const Error&) {
      continue;  // RendersTheTextThatJinjaRenders says which
    }
    // An answer is encoded apart from what stands before it, or a prompt would not be the beginning of what is trained.
    // That shows where an answer's first character would have joined them, and with GPT-2's words after an empty line.
    const bool joins = std::any_of(messages.begin(), messages.end(), [&](const Message& m) {
      return m.role == Role::Assistant &&
             (empty_line || m.text.empty() || !std::isalnum(static_cast<unsigned char>(m.text[0])));
    });
    if (ours != golden.ids[i] && joins) {
      ++n_cut;
      continue;
    }
    EXPECT_EQ(ours, golden.ids[i]) << i << ": " << chat.text(messages, chat::Prompt::Yes);
    ++n_same;
  }
  EXPECT_GE(n_same, 25u);
  EXPECT_TRUE(n_cut < n_same || empty_line) << n_cut;
}

TEST_P(EachTemplate, PromptIsTheBeginningAndAnswerTheRest) {
  const Tokenizer tokenizer(golden_spec(golden));
  const ChatTemplate chat(tokenizer);
  std::size_t n = 0;
  for (std::vector<Message> messages : conversations) {
    if (messages.back().role != Role::Assistant || messages.size() < 2) continue;
    const std::string said = messages.back().text;
    try {
      const RenderedChat whole = chat.render(messages);
      messages.pop_back();
      std::vector<TokenId> ids = chat.prompt(messages);
      ASSERT_LE(ids.size(), whole.ids.size());
      EXPECT_FALSE(!ids.empty() && whole.trained[ids.size() - 1]);
      const std::vector<TokenId> answer = chat.answer(said);
      EXPECT_EQ(answer.back(), chat.end_of_turn());
      for (std::size_t i = ids.size(); i < ids.size() + answer.size(); ++i) EXPECT_TRUE(whole.trained.at(i));
      ids.insert(ids.end(), answer.begin(), answer.end());
      ASSERT_LE(ids.size(), whole.ids.size());
      EXPECT_TRUE(std::equal(ids.begin(), ids.end(), whole.ids.begin()));
      EXPECT_EQ(std::count(whole.trained.begin() + static_cast<std::ptrdiff_t>(ids.size()), whole.trained.end(), true),
                0);
      ++n;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::User);
    }
  }
  EXPECT_GE(n, 60u);
}

TEST_P(EachTemplate, TrainsEachAnswerWithItsEndAndMarksWhatWasAsked) {
  const Tokenizer tokenizer(golden_spec(golden));
  const ChatTemplate chat(tokenizer);
  for (const std::vector<Message>& messages : conversations) {
    RenderedChat out;
    try {
      out = chat.render(messages);
    } catch (const Error&) {
      continue;
    }
    std::size_t n_answers = 0, n_ends = 0, n_controls = 0;
    std::vector<TokenId> asked;
    std::string questions;
    for (const Message& m : messages) {
      n_answers += m.role == Role::Assistant ? 1 : 0;
      if (m.role == Role::User) questions += m.text;
    }
    for (std::size_t i = 0; i < out.ids.size(); ++i) {
      EXPECT_FALSE(out.trained[i] && out.asked[i]);
      n_ends += out.trained[i] && out.ids[i] == chat.end_of_turn() ? 1 : 0;
      n_controls += out.trained[i] && tokenizer.is_control(out.ids[i]) ? 1 : 0;
      if (out.asked[i]) asked.push_back(out.ids[i]);
    }
    EXPECT_EQ(n_ends, n_answers);
    EXPECT_EQ(n_controls, n_answers);  // nothing that was written became a control token
    const auto visible = [](std::string text) {
      std::erase_if(text, [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
      return text;
    };
    // The small vocabulary cannot say every byte; what it says is asked, and nothing else is.
    if (std::any_of(questions.begin(), questions.end(), [](char c) { return c < 0x20 || c == 0x7F; })) continue;
    EXPECT_EQ(visible(tokenizer.decode(asked)), visible(tokenizer.decode(tokenizer.encode(questions))));
  }
}

std::vector<std::size_t> known() {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < golden_templates().templates.size(); ++i)
    if (!golden_templates().templates[i].format.empty()) out.push_back(i);
  return out;
}

std::string test_name(const testing::TestParamInfo<std::size_t>& info) {
  std::string name = golden_templates().templates[info.param].file;
  name.resize(name.rfind('.'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Golden, EachTemplate, testing::ValuesIn(known()), test_name);

}  // namespace

const GoldenTemplates& golden_templates() {
  static const GoldenTemplates golden = read_golden();
  return golden;
}

std::string golden_digest(const std::string& text) {
  return sha256_hex(text).substr(0, 8);
}

std::string golden_digest(const std::vector<TokenId>& ids) {
  std::string text;
  for (const TokenId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return golden_digest(text);
}

TokenizerSpec golden_spec(const GoldenTemplate& golden) {
  TokenizerSpec spec = read_golden_tokenizer().spec;
  std::vector<std::string> controls = golden_templates().controls;
  if (golden.format == "mistral-v0.3") controls.insert(controls.end(), {"[INST]", "[/INST]"});
  for (const std::string& control : controls) {
    if (std::find(spec.tokens.begin(), spec.tokens.end(), control) != spec.tokens.end()) continue;
    spec.tokens.push_back(control);
    spec.token_types.push_back(3);
  }
  const auto id = [&](const std::string& token) {
    return static_cast<TokenId>(std::find(spec.tokens.begin(), spec.tokens.end(), token) - spec.tokens.begin());
  };
  spec.bos = id(golden.bos);
  spec.eos = spec.pad = id(golden.eos);
  spec.chat_template = golden.text;
  return spec;
}

}  // namespace faqsmith
