// The ids of prompts under Llama 2's and Llama 3's vocabularies, as transformers makes them of the whole rendered text.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/strings.h"
#include "text/chat_golden_test.h"
#include "text/chat_template.h"
#include "text/golden_tokenizer_test.h"

namespace faqsmith {
namespace {

using nlohmann::json;

json read_rows() {
  std::ifstream file(FAQSMITH_SOURCE_DIR "/tests/golden/chat_template_ids.json");
  require(file.good(), "tests/golden/chat_template_ids.json is there");
  return parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
}

TokenizerSpec llama2_spec(SpacePrefix prefix) {
  static const TokenizerSpec base = [] {
    TokenizerSpec spec = read_golden_llama2().spec;
    spec.merges = merges_of_scores(spec);
    spec.scores.clear();
    return spec;
  }();
  TokenizerSpec spec = base;
  spec.space_prefix = prefix;
  return spec;
}

TokenizerSpec spec_of(const std::string& vocabulary, const GoldenTemplate& golden) {
  TokenizerSpec spec;
  if (vocabulary == "llama-3") {
    spec = read_golden_tokenizer("llama3").spec;
    for (const char* control : {"<|start_header_id|>", "<|end_header_id|>"}) {
      spec.tokens.emplace_back(control);
      spec.token_types.push_back(kControlToken);
    }
  } else {
    spec = llama2_spec(vocabulary == "prepend" ? SpacePrefix::Each : SpacePrefix::FirstIfMissing);
  }
  const auto id = [&](const std::string& token) {
    return static_cast<TokenId>(std::find(spec.tokens.begin(), spec.tokens.end(), token) - spec.tokens.begin());
  };
  spec.bos = id(golden.bos);
  spec.eos = id(golden.eos);
  spec.add_bos = false;
  spec.chat_template = golden.text;
  return spec;
}

// Mistral's first versions set no space before an answer: a mark of punctuation there joins the bracket before it. We
// encode the answer apart, or a prompt would not be the beginning of what is trained.
bool joins(const GoldenTemplate& golden, const std::vector<Message>& messages) {
  if (golden.format != "mistral-v0.1" && golden.format != "mistral-v0.2" && golden.format != "zephyr") return false;
  return std::any_of(messages.begin(), messages.end(), [](const Message& m) {
    return m.role == Role::Assistant && (m.text.empty() || !std::isalnum(static_cast<unsigned char>(m.text[0])));
  });
}

TEST(ChatIds, EqualThoseOfTheWholeRenderedText) {
  const GoldenTemplates& all = golden_templates();
  const json file_of_ids = read_rows();
  for (const json& row : file_of_ids.at("rows")) {
    const std::string file = row.at("file"), vocabulary = row.at("vocabulary"), ids = row.at("ids");
    const auto golden = std::find_if(all.templates.begin(), all.templates.end(),
                                     [&](const GoldenTemplate& t) { return t.file == file; });
    ASSERT_NE(golden, all.templates.end());
    const Tokenizer tokenizer(spec_of(vocabulary, *golden));
    const ChatTemplate chat(tokenizer);
    const std::vector<std::string_view> theirs = split(ids, ' ');
    std::size_t n_same = 0, n_joined = 0;
    for (std::size_t i = 0; i < all.conversations.size(); ++i) {
      const std::vector<Message>& messages = all.conversations[i];
      if (theirs[i] == "-" || messages.back().role != Role::User) continue;
      std::string ours;
      try {
        ours = golden_digest(chat.prompt(messages));
      } catch (const Error&) {
        continue;  // chat_golden_test.cc says which
      }
      if (ours != theirs[i] && joins(*golden, messages)) {
        ++n_joined;
        continue;
      }
      EXPECT_EQ(ours, theirs[i]) << file << " " << vocabulary << " " << i << ": "
                                 << chat.text(messages, chat::Prompt::Yes);
      ++n_same;
    }
    EXPECT_GE(n_same, 30u) << file;
    EXPECT_LT(n_joined, 25u) << file;
  }
}

// Marks and prefixes hold for a vocabulary whose words begin with their space, too.
TEST(ChatIds, MarksAreExactUnderSentencePiece) {
  for (const GoldenTemplate& golden : golden_templates().templates) {
    if (golden.format.empty() || golden.eos != "</s>") continue;
    for (const std::string vocabulary : {"prepend", "first"}) {
      const Tokenizer tokenizer(spec_of(vocabulary, golden));
      const ChatTemplate chat(tokenizer);
      const std::vector<Message> asked = {{Role::System, "Be brief."}, {Role::User, "Where is it?"}};
      std::vector<Message> whole = asked;
      whole.push_back({Role::Assistant, "Here, (in) Größe 7."});
      const RenderedChat out = chat.render(whole);
      const std::vector<TokenId> prompt = chat.prompt(asked), answer = chat.answer(whole.back().text);
      std::vector<TokenId> both = prompt;
      both.insert(both.end(), answer.begin(), answer.end());
      ASSERT_LE(both.size(), out.ids.size());
      EXPECT_TRUE(std::equal(both.begin(), both.end(), out.ids.begin())) << golden.file;
      std::string question, said;
      for (std::size_t i = 0; i < out.ids.size(); ++i) {
        if (out.asked[i]) question += tokenizer.token_bytes(out.ids[i]);
        if (out.trained[i]) said += tokenizer.token_bytes(out.ids[i]);
      }
      EXPECT_EQ(trim(question), "Where is it?") << golden.file;
      EXPECT_EQ(said.substr(0, said.rfind("</s>")).substr(said.find('H')),
                golden.format == "llama-2" ? "Here, (in) Größe 7. " : "Here, (in) Größe 7.")
          << golden.file;
    }
  }
}

}  // namespace
}  // namespace faqsmith
