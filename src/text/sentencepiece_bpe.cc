// SentencePiece BPE with byte fallback. The text is one string of characters to merge, spaces written as U+2581. Where
// no piece has a space after another character (true of every published vocabulary), merges never cross from a word
// to the next space, so words are merged apart with the same result in less time.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "text/text_model.h"
#include "text/utf8.h"

namespace faqsmith {
namespace {

constexpr char32_t kSpaceMark = 0x2581;  // ▁
constexpr std::string_view kSpaceText = "\xE2\x96\x81";
constexpr std::size_t kMaxPieceBytes = 256;  // published pieces have at most 48; bounds the cost of a hostile file

bool is_space(std::string_view text, std::size_t at) {
  return text[at] == ' ' || text.substr(at, kSpaceText.size()) == kSpaceText;
}

std::size_t space_bytes(std::string_view text, std::size_t at) {
  return text[at] == ' ' ? 1 : kSpaceText.size();
}

// Spaces, then what is none.
std::size_t word_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text, at)) at += space_bytes(text, at);
  while (at < text.size() && !is_space(text, at)) ++at;
  return at;
}

std::string with_spaces(std::string_view piece) {
  std::string out;
  out.reserve(piece.size());
  for (std::size_t at = 0; at < piece.size();) {
    if (is_space(piece, at)) {
      out += ' ';
      at += space_bytes(piece, at);
    } else {
      out += piece[at++];
    }
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// "<0x0A>" to 10.
std::optional<std::size_t> byte_of_name(std::string_view name) {
  if (name.size() != 6 || name.substr(0, 3) != "<0x" || name[5] != '>') return std::nullopt;
  const int high = hex_digit(name[3]), low = hex_digit(name[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<std::size_t>(16 * high + low);
}

class SentencePieceBpe : public TextModel {
 public:
  SentencePieceBpe(const TokenizerSpec& spec, const TokenIndex& text)
      : n_tokens_(static_cast<std::int32_t>(spec.tokens.size())) {
    index_bytes(spec);
    index_characters(text);
    if (spec.merges.empty()) {
      use_scores(spec, text);
    } else {
      const std::vector<Merge> merges = parse_merges(spec, text, JoinsNoText::LeaveOut);
      for (const Merge& merge : merges) note_joined(spec, merge.joined);
      bpe_ = Bpe(merges);
    }
    index_whole_words(text);
  }

  void encode(std::string_view text, std::vector<TokenId>& ids) const override {
    std::vector<TokenId> symbols;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = words_apart_ ? word_end(text, at) : text.size();
      const std::string_view word = text.substr(at, end - at);
      if (const auto found = whole_words_.find(word); found != whole_words_.end()) {
        ids.push_back(found->second);
      } else {
        merge_word(word, symbols);
        for (const TokenId symbol : symbols) append_ids(symbol, ids);
      }
      at = end;
    }
  }
  [[nodiscard]] const std::vector<std::string>& bytes() const override { return bytes_; }

 private:
  void index_bytes(const TokenizerSpec& spec) {
    byte_token_.fill(-1);
    bytes_.reserve(spec.tokens.size());
    for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
      const std::string& token = spec.tokens[i];
      const std::int32_t type = token_type(spec, i);
      if (type == kNormalToken) {
        bytes_.push_back(with_spaces(token));
        continue;
      }
      bytes_.push_back(type == kUserDefinedToken && spec.space_prefix == SpacePrefix::Text ? with_spaces(token)
                                                                                           : token);
      if (type != kByteToken) continue;
      const auto byte = byte_of_name(token);
      if (!byte)
        throw bad_tokenizer(
            fmt::format("token {} is a byte, but its name {} is none of \"<0x00>\" to \"<0xFF>\"", i, quoted(token)));
      byte_token_[*byte] = static_cast<TokenId>(i);
      bytes_.back() = std::string(1, static_cast<char>(*byte));
    }
    for (std::size_t b = 0; b < byte_token_.size(); ++b) {
      if (byte_token_[b] < 0)
        throw bad_tokenizer(fmt::format(
            "the byte token \"<0x{:02X}>\" is missing (a vocabulary without byte fallback is not supported)", b));
    }
  }

  // A symbol for every character that a merge may begin with: its token, or a number above all ids for a character
  // that only longer pieces have (SentencePiece joins text, not tokens).
  void index_characters(const TokenIndex& text) {
    for (const auto& [piece, id] : text) {
      for (std::size_t at = 0; at < piece.size();) {
        const CodePoint c = decode_utf8(piece, at);
        if (!c.valid) throw bad_tokenizer(fmt::format("token {} ({}) is not valid UTF-8", id, quoted(piece)));
        const std::string_view character = piece.substr(at, c.n_bytes);
        at += c.n_bytes;
        if (symbol_of_.contains(c.value)) continue;
        const auto found = text.find(character);
        symbol_of_.emplace(c.value, found != text.end() ? found->second : add_lone_character(character));
      }
    }
    if (!text.contains(kSpaceText)) throw bad_tokenizer("the token \"▁\", which stands for a space, is missing");
    for (char32_t c = 0; c < ascii_symbol_.size(); ++c) {
      const auto found = symbol_of_.find(c);
      ascii_symbol_[c] = found == symbol_of_.end() ? -1 : found->second;
    }
    ascii_symbol_[' '] = symbol_of_.at(kSpaceMark);
  }

  TokenId add_lone_character(std::string_view character) {
    lone_characters_.emplace_back(character);
    return n_tokens_ + static_cast<TokenId>(lone_characters_.size()) - 1;
  }

  // Every way to cut a piece into two pieces is a merge of the piece's score; equal scores have one rank.
  void use_scores(const TokenizerSpec& spec, const TokenIndex& text) {
    if (spec.scores.size() != spec.tokens.size())
      throw bad_tokenizer(
          fmt::format("tokenizer.ggml.scores has {} entries for {} tokens", spec.scores.size(), spec.tokens.size()));
    std::vector<TokenId> pieces;
    for (const auto& [piece, id] : text) pieces.push_back(id);
    std::sort(pieces.begin(), pieces.end());
    for (const TokenId id : pieces) {
      const auto i = static_cast<std::size_t>(id);
      if (!std::isfinite(spec.scores[i]))
        throw bad_tokenizer(
            fmt::format("the score of token {} ({}) is not a finite number", id, quoted(spec.tokens[i])));
      if (spec.tokens[i].size() > kMaxPieceBytes)
        throw bad_tokenizer(
            fmt::format("token {} has {} bytes, more than {}", id, spec.tokens[i].size(), kMaxPieceBytes));
    }
    const auto score = [&](TokenId id) { return spec.scores[static_cast<std::size_t>(id)]; };
    std::stable_sort(pieces.begin(), pieces.end(), [&](TokenId a, TokenId b) { return score(a) > score(b); });
    std::vector<RankedMerge> merges;
    std::int32_t rank = 0;
    for (std::size_t n = 0; n < pieces.size(); ++n) {
      if (n > 0 && score(pieces[n]) < score(pieces[n - 1])) ++rank;
      add_cuts(spec.tokens[static_cast<std::size_t>(pieces[n])], pieces[n], rank, text, merges);
    }
    for (const RankedMerge& ranked : merges) note_joined(spec, ranked.merge.joined);
    bpe_ = Bpe(merges);
  }

  void note_joined(const TokenizerSpec& spec, TokenId id) {
    const std::string& piece = spec.tokens[static_cast<std::size_t>(id)];
    words_apart_ = words_apart_ && word_end(piece, 0) == piece.size();
  }

  void add_cuts(std::string_view piece, TokenId id, std::int32_t rank, const TokenIndex& text,
                std::vector<RankedMerge>& merges) const {
    for (std::size_t cut = decode_utf8(piece, 0).n_bytes; cut < piece.size(); cut += decode_utf8(piece, cut).n_bytes) {
      const auto left = symbol(piece.substr(0, cut), text);
      const auto right = left ? symbol(piece.substr(cut), text) : std::nullopt;
      if (right) merges.push_back({{.left = *left, .right = *right, .joined = id}, rank});
    }
  }

  [[nodiscard]] std::optional<TokenId> symbol(std::string_view part, const TokenIndex& text) const {
    if (const auto found = text.find(part); found != text.end()) return found->second;
    const CodePoint c = decode_utf8(part, 0);
    if (c.n_bytes == part.size()) return symbol_of_.at(c.value);
    return std::nullopt;
  }

  void index_whole_words(const TokenIndex& text) {
    whole_words_.reserve(text.size());
    std::vector<TokenId> symbols;
    for (const auto& [piece, id] : text) {
      const std::string& spaced = bytes_[static_cast<std::size_t>(id)];
      merge_word(spaced, symbols);
      if (symbols.size() == 1 && symbols[0] == id) whole_words_.emplace(spaced, id);
    }
  }

  void merge_word(std::string_view word, std::vector<TokenId>& symbols) const {
    symbols.clear();
    for (std::size_t at = 0; at < word.size();) {
      const auto byte = static_cast<unsigned char>(word[at]);
      const CodePoint c = byte < 0x80 ? CodePoint{byte, 1, true} : decode_utf8(word, at);
      const TokenId known = character_symbol(c.value);
      if (known >= 0) {
        symbols.push_back(known);
      } else {
        for (const char b : word.substr(at, c.n_bytes)) symbols.push_back(byte_token_[static_cast<unsigned char>(b)]);
      }
      at += c.n_bytes;
    }
    bpe_.merge(symbols);
  }

  [[nodiscard]] TokenId character_symbol(char32_t c) const {
    if (c < ascii_symbol_.size()) return ascii_symbol_[c];
    const auto found = symbol_of_.find(c);
    return found == symbol_of_.end() ? -1 : found->second;
  }

  void append_ids(TokenId symbol, std::vector<TokenId>& ids) const {
    if (symbol < n_tokens_) {
      ids.push_back(symbol);
      return;
    }
    for (const char b : lone_characters_[static_cast<std::size_t>(symbol - n_tokens_)])
      ids.push_back(byte_token_[static_cast<unsigned char>(b)]);
  }

  std::int32_t n_tokens_;
  Bpe bpe_;
  bool words_apart_ = true;
  std::vector<std::string> bytes_;         // by id
  std::array<TokenId, 256> byte_token_{};  // <0x00> to <0xFF>
  std::unordered_map<char32_t, TokenId> symbol_of_;
  std::array<TokenId, 128> ascii_symbol_{};
  std::vector<std::string> lone_characters_;                   // symbol n_tokens_ + i
  std::unordered_map<std::string_view, TokenId> whole_words_;  // text with plain spaces -> id that encoding it gives
};

}  // namespace

std::unique_ptr<TextModel> make_sentencepiece_bpe(const TokenizerSpec& spec, const TokenIndex& text) {
  return std::make_unique<SentencePieceBpe>(spec, text);
}

}  // namespace faqsmith
