// The JSON side of golden_tokenizer_test.h.
#include "text/golden_tokenizer_test.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "base/json_text.h"

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

json read_golden(const std::string& name) {
  const std::string path = FAQSMITH_SOURCE_DIR "/tests/golden/tokenizer_" + name + ".json";
  std::ifstream file(path);
  require(file.good(), path + " is there");
  return parse_json(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace

GoldenTokenizer read_golden_tokenizer(const std::string& name) {
  const json fields = read_golden(name);
  GoldenTokenizer golden;
  golden.spec.model = fields.at("model");
  golden.spec.pre = fields.at("pre");
  golden.spec.tokens = fields.at("tokens").get<std::vector<std::string>>();
  golden.spec.token_types = fields.at("token_types").get<std::vector<std::int32_t>>();
  golden.spec.merges = fields.at("merges").get<std::vector<std::string>>();
  golden.spec.chat_template = fields.value("chat_template", "");
  for (const json& c : fields.at("cases"))
    golden.cases.push_back({bytes_of_hex(c.at("hex")), c.at("ids").get<std::vector<TokenId>>(), c.at("decoded")});
  for (const json& c : fields.value("chats", json::array())) {
    GoldenChat chat;
    for (const json& m : c.at("messages")) chat.messages.push_back({role_of(m.at("role")), m.at("text")});
    chat.ids = c.at("ids").get<std::vector<TokenId>>();
    chat.prompt = c.at("prompt").get<std::vector<TokenId>>();
    golden.chats.push_back(std::move(chat));
  }
  return golden;
}

GoldenTokenizer read_golden_llama2() {
  const json fields = read_golden("llama2");
  GoldenTokenizer golden;
  TokenizerSpec& spec = golden.spec;
  spec.model = "llama";
  spec.space_prefix = SpacePrefix::Text;
  spec.tokens = fields.at("tokens").get<std::vector<std::string>>();
  constexpr std::size_t kFirstPiece = 259;  // after <unk>, <s>, </s> and the bytes
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    spec.token_types.push_back(i == 0            ? kUnknownToken
                               : i < 3           ? kControlToken
                               : i < kFirstPiece ? kByteToken
                                                 : kNormalToken);
    const std::string& token = spec.tokens[i];
    const bool spaces =
        token.size() > 3 && token.size() % 3 == 0 && token.find_first_not_of("\xE2\x96\x81") == std::string::npos;
    // As in the published file: runs of spaces score lowest, all alike.
    spec.scores.push_back(i < kFirstPiece ? 0.0f : spaces ? -1e9f : -static_cast<float>(i - kFirstPiece));
  }
  spec.unknown = 0;
  spec.bos = 1;
  spec.eos = 2;
  spec.add_bos = true;
  for (const json& c : fields.at("cases")) golden.cases.push_back({c.at(0), c.at(1).get<std::vector<TokenId>>(), ""});
  return golden;
}

std::vector<std::string> merges_of_scores(const TokenizerSpec& spec) {
  std::map<std::string, std::size_t> ids;
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) ids.emplace(spec.tokens[i], i);
  struct Cut {
    float score;
    std::size_t left, right;
  };
  std::vector<Cut> cuts;
  for (const auto& [piece, id] : ids) {
    if (spec.token_types[id] != kNormalToken) continue;
    for (std::size_t cut = 1; cut < piece.size(); ++cut) {
      const auto left = ids.find(piece.substr(0, cut)), right = ids.find(piece.substr(cut));
      if (left != ids.end() && right != ids.end()) cuts.push_back({spec.scores[id], left->second, right->second});
    }
  }
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::tuple(-a.score, a.left, a.right) < std::tuple(-b.score, b.left, b.right);
  });
  std::vector<std::string> merges;
  merges.reserve(cuts.size());
  for (const Cut& cut : cuts) merges.push_back(spec.tokens[cut.left] + " " + spec.tokens[cut.right]);
  return merges;
}

}  // namespace faqsmith
