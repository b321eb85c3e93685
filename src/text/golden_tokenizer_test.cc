// The JSON side of golden_tokenizer_test.h.
#include "text/golden_tokenizer_test.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace faqsmith {
namespace {

using nlohmann::json;

std::string bytes_of_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

Role role_of(const std::string& name) {
  if (name == "system") return Role::System;
  return name == "user" ? Role::User : Role::Assistant;
}

}  // namespace

GoldenTokenizer read_golden_tokenizer() {
  std::ifstream file(FAQSMITH_SOURCE_DIR "/tests/golden/tokenizer_smollm.json");
  require(file.good(), "tests/golden/tokenizer_smollm.json is there");
  const json fields = json::parse(file);
  GoldenTokenizer golden;
  golden.spec.model = fields.at("model");
  golden.spec.pre = fields.at("pre");
  golden.spec.tokens = fields.at("tokens").get<std::vector<std::string>>();
  golden.spec.token_types = fields.at("token_types").get<std::vector<std::int32_t>>();
  golden.spec.merges = fields.at("merges").get<std::vector<std::string>>();
  golden.spec.chat_template = fields.at("chat_template");
  for (const json& c : fields.at("cases"))
    golden.cases.push_back({bytes_of_hex(c.at("hex")), c.at("ids").get<std::vector<TokenId>>(), c.at("decoded")});
  for (const json& c : fields.at("chats")) {
    GoldenChat chat;
    for (const json& m : c.at("messages")) chat.messages.push_back({role_of(m.at("role")), m.at("text")});
    chat.ids = c.at("ids").get<std::vector<TokenId>>();
    chat.prompt = c.at("prompt").get<std::vector<TokenId>>();
    golden.chats.push_back(std::move(chat));
  }
  return golden;
}

}  // namespace faqsmith
