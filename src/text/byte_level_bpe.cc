// Byte-level BPE. Words that are one token are answered from a table made at construction (only those that the merges
// really reach, or all of them where the model ignores merges for them), everything else runs the merges.
#include <array>
#include <optional>

#include "text/pretokenize.h"
#include "text/text_model.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

// GPT-2's alphabet: a printable character for every byte. Printable bytes stand for themselves, the rest for U+0100 on.
std::array<char32_t, 256> byte_alphabet() {
  std::array<char32_t, 256> out{};
  char32_t next = 0x100;
  for (std::size_t b = 0; b < out.size(); ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    out[b] = printable ? static_cast<char32_t>(b) : next++;
  }
  return out;
}

// The bytes that a token's letters stand for; nothing for a token with any other letter.
std::optional<std::string> bytes_of(const std::string& token, const std::unordered_map<char32_t, char>& byte_of) {
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const CodePoint c = decode_utf8(token, at);
    const auto found = byte_of.find(c.value);
    if (!c.valid || found == byte_of.end()) return std::nullopt;
    out.push_back(found->second);
    at += c.n_bytes;
  }
  return out;
}

struct Rules {
  PreTokenizer pre = PreTokenizer::Gpt2;
  bool ignores_merges = false;  // a word that is a token is that token, whatever the merges say
};

Rules rules_of(const TokenizerSpec& spec) {
  if (spec.pre == "smollm") return {.pre = PreTokenizer::SmolLm};
  if (spec.pre == "gpt-2") return {.pre = PreTokenizer::Gpt2};
  // llama.cpp's names: three for Llama 3, two for others that cut words the same way.
  if (spec.pre == "llama-bpe" || spec.pre == "llama3" || spec.pre == "llama-v3")
    return {.pre = PreTokenizer::Llama3, .ignores_merges = true};
  if (spec.pre == "dbrx" || spec.pre == "smaug-bpe") return {.pre = PreTokenizer::Llama3};
  throw Error(Kind::Input, "tokenizer.ggml.pre " + quoted(spec.pre) + " is not supported yet",
              "use a model with the pre-tokenisation \"llama-bpe\", \"smollm\" or \"gpt-2\"");
}

class ByteLevelBpe : public TextModel {
 public:
  ByteLevelBpe(const TokenizerSpec& spec, const TokenIndex& text)
      : rules_(rules_of(spec)), bpe_(parse_merges(spec, text, JoinsNoText::Refuse)) {
    index_bytes(spec, text);
    index_whole_words(spec, text);
  }

  void encode(std::string_view text, std::vector<TokenId>& ids) const override {
    std::vector<TokenId> symbols;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = next_word_end(text, at, rules_.pre);
      const std::string_view word = text.substr(at, end - at);
      if (const auto found = whole_words_.find(word); found != whole_words_.end()) {
        ids.push_back(found->second);
      } else {
        merge_word(word, symbols);
        ids.insert(ids.end(), symbols.begin(), symbols.end());
      }
      at = end;
    }
  }
  [[nodiscard]] const std::vector<std::string>& bytes() const override { return bytes_; }

 private:
  void index_bytes(const TokenizerSpec& spec, const TokenIndex& text) {
    const std::array<char32_t, 256> alphabet = byte_alphabet();
    std::unordered_map<char32_t, char> byte_of;
    for (std::size_t b = 0; b < alphabet.size(); ++b) {
      byte_of.emplace(alphabet[b], static_cast<char>(b));
      std::string letter;
      append_utf8(letter, alphabet[b]);
      const auto found = text.find(letter);
      byte_token_[b] = found == text.end() ? -1 : found->second;
    }
    bytes_.reserve(spec.tokens.size());
    spelled_.reserve(spec.tokens.size());
    for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
      const std::int32_t type = token_type(spec, i);
      const bool literal = type == kControlToken || type == kUserDefinedToken;
      std::optional<std::string> spelled;
      if (!literal) spelled = bytes_of(spec.tokens[i], byte_of);
      spelled_.push_back(spelled.has_value());
      bytes_.push_back(spelled ? *spelled : spec.tokens[i]);
    }
  }

  void index_whole_words(const TokenizerSpec& spec, const TokenIndex& text) {
    whole_words_.reserve(text.size());
    std::vector<TokenId> symbols;
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      if (!text.contains(spec.tokens[i])) continue;
      const auto id = static_cast<TokenId>(i);
      if (rules_.ignores_merges) {
        if (spelled_[i]) whole_words_.emplace(bytes_[i], id);
        continue;
      }
      merge_word(bytes_[i], symbols);
      if (symbols.size() == 1 && symbols[0] == id) whole_words_.emplace(bytes_[i], id);
    }
  }

  void merge_word(std::string_view word, std::vector<TokenId>& symbols) const {
    symbols.clear();
    for (const char c : word) {
      // A byte without a token is left out, as the reference does for a vocabulary without an unknown token.
      const TokenId id = byte_token_[static_cast<unsigned char>(c)];
      if (id >= 0) symbols.push_back(id);
    }
    bpe_.merge(symbols);
  }

  Rules rules_;
  Bpe bpe_;
  std::vector<std::string> bytes_;                             // by id
  std::vector<bool> spelled_;                                  // by id: written in the byte alphabet
  std::array<TokenId, 256> byte_token_{};                      // -1: this vocabulary cannot say the byte
  std::unordered_map<std::string_view, TokenId> whole_words_;  // bytes -> id that encoding those bytes gives
};

}  // namespace

std::unique_ptr<TextModel> make_byte_level_bpe(const TokenizerSpec& spec, const TokenIndex& text) {
  return std::make_unique<ByteLevelBpe>(spec, text);
}

}  // namespace faqsmith
