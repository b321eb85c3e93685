// Small vocabularies for tests, byte-level BPE and SentencePiece BPE: all 256 bytes, two control tokens, and every
// prefix of a few words, so that tokens of many bytes (some of them cutting JSON in odd places) occur.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace faqsmith {

// GPT-2's letter for a byte, as UTF-8.
inline std::string gpt2_letter(unsigned char byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  int code = byte;
  if (!printable(byte)) {
    code = 256;
    for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  }
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

inline TokenizerSpec tiny_tokenizer_spec() {
  TokenizerSpec spec;
  spec.model = "gpt2";
  spec.pre = "smollm";
  spec.chat_template =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
      "'\n'}}{% endfor %}";
  const auto add = [&](std::string token, std::int32_t type) {
    spec.tokens.push_back(std::move(token));
    spec.token_types.push_back(type);
  };
  add("<|endoftext|>", 3);
  add("<|im_start|>", 3);
  add("<|im_end|>", 3);
  for (int byte = 0; byte < 256; ++byte) add(gpt2_letter(static_cast<unsigned char>(byte)), 1);
  std::set<std::string> known(spec.tokens.begin(), spec.tokens.end());
  for (std::string_view word : {"question", " answer", "\":\"", "\",\"", "{\"", "\"}", "}]", ", \"", "true", "null",
                                "\xC3\xA9", " \xE4\xBD\xA0", "assistant", "system", " what", " is", "\\n", "user"}) {
    std::string left;
    for (char c : word) {
      const std::string letter = gpt2_letter(static_cast<unsigned char>(c));
      if (!left.empty() && known.insert(left + letter).second) {
        spec.merges.push_back(left + " " + letter);
        add(left + letter, 1);
      }
      left += letter;
    }
  }
  spec.bos = 1;
  spec.eos = spec.pad = 2;
  spec.unknown = 0;
  return spec;
}

inline TokenizerSpec tiny_sentencepiece_spec() {
  TokenizerSpec spec;
  spec.model = "llama";
  spec.space_prefix = SpacePrefix::Text;
  spec.chat_template = tiny_tokenizer_spec().chat_template;
  const auto add = [&](std::string token, std::int32_t type) {
    spec.scores.push_back(-static_cast<float>(spec.tokens.size()));
    spec.tokens.push_back(std::move(token));
    spec.token_types.push_back(type);
  };
  add("<unk>", kUnknownToken);
  add("<|im_start|>", kControlToken);
  add("<|im_end|>", kControlToken);
  constexpr const char* kHex = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) add(std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">", kByteToken);
  std::set<std::string> known;
  for (std::string_view word :
       {"▁", "▁question", "▁answer", "\":\"", "\",\"", "▁{\"", "{\"", "\"}", "▁,", "▁true", "é", "你", "▁▁▁"}) {
    for (std::size_t n = 1; n <= word.size(); ++n) {
      const bool whole = n == word.size() || (static_cast<unsigned char>(word[n]) & 0xC0) != 0x80;
      if (whole && known.insert(std::string(word.substr(0, n))).second)
        add(std::string(word.substr(0, n)), kNormalToken);
    }
  }
  spec.bos = 1;
  spec.eos = spec.pad = 2;
  spec.unknown = 0;
  return spec;
}

}  // namespace faqsmith
