// Text to token ids and back, for every tokenizer of the Llama family: byte-level BPE (GPT-2's alphabet; SmolLM,
// Llama 3) and SentencePiece BPE with byte fallback (Llama 1 and 2, Code Llama, TinyLlama, Mistral). Thread-safe after
// construction. Sources: Sennrich et al. 2016 (BPE); Kudo and Richardson 2018 (SentencePiece); GPT-2's byte alphabet.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

using TokenId = std::int32_t;

// GGUF's numbers, which are SentencePiece's.
enum TokenType : std::int32_t {
  kNormalToken = 1,
  kUnknownToken = 2,
  kControlToken = 3,      // never comes out of text
  kUserDefinedToken = 4,  // found in the text as it stands, before any merge
  kUnusedToken = 5,
  kByteToken = 6
};

// Where a SentencePiece tokenizer puts a space that the text does not have. Its sources differ in this.
enum class SpacePrefix {
  None,
  Text,            // SentencePiece: before the whole text
  Each,            // llama.cpp, Hugging Face's Prepend: before each stretch of text between added tokens
  FirstIfMissing,  // Hugging Face's Metaspace "first": before a text that begins with neither a space nor an added
                   // token
  EachIfMissing    // Hugging Face's Metaspace "always": before each stretch that does not begin with a space
};

// What a model's files say about its vocabulary. text/ does not read files: model/ fills this in.
struct TokenizerSpec {
  std::string model;  // tokenizer.ggml.model: "gpt2" (byte-level BPE) or "llama" (SentencePiece BPE)
  std::string pre;    // tokenizer.ggml.pre, byte-level only: "smollm", "gpt-2", "llama-bpe" …
  std::vector<std::string> tokens;
  std::vector<std::int32_t> token_types;  // TokenType by id; empty = all normal
  std::vector<std::string> merges;        // "left right" in rank order
  std::vector<float> scores;              // "llama" without merges: the pair that joins to the highest score goes first
  TokenId bos = -1, eos = -1, unknown = -1, pad = -1;
  std::vector<TokenId> more_eos = {};  // further ids that end a reply (generation_config.json)
  bool add_bos = false;                // encode() adds neither: who renders a conversation does
  bool add_eos = false;
  SpacePrefix space_prefix = SpacePrefix::None;
  std::string chat_template;
};

// Where a piece of text stands in what the model reads; only tokenizers with a SpacePrefix care.
enum class TextPlace {
  Start,         // it is the whole text, or the first of it
  AfterControl,  // a control token is before it
  Middle         // other text is before it: no space is added
};

class Tokenizer {
 public:
  // Throws Error(Input) naming the field: duplicate token, special id out of range, merge of unknown parts, unknown
  // model or pre-tokenisation.
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();

  // Plain text: never yields a control token, whatever the text says ("<|im_end|>" is encoded as characters).
  // Invalid UTF-8 becomes U+FFFD first. Linear time in practice, O(n log n) worst case.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text, TextPlace place = TextPlace::Start) const;
  // Control and normal tokens alike; ids out of range throw Error(User). What encode() gave for a text at
  // TextPlace::Start becomes that text again; the exceptions are the references' own: SentencePiece takes U+2581 for a
  // space, the …IfMissing prefixes do not tell " a" from "a", and Each… leave the space that they put after an added
  // token.
  [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const;  // control tokens shown as their text
  // The raw bytes that this id stands for inside a text (may be partial UTF-8) …
  [[nodiscard]] const std::string& token_bytes(TokenId id) const;
  // … and as the first of a text: without the space that a SpacePrefix put there.
  [[nodiscard]] std::string_view first_token_bytes(TokenId id) const;
  [[nodiscard]] bool is_control(TokenId id) const;
  [[nodiscard]] TokenId control_id(std::string_view text) const;  // e.g. "<|im_start|>"; throws Error(Input) if absent
  [[nodiscard]] TokenId vocab_size() const;
  [[nodiscard]] TokenId eos() const;
  [[nodiscard]] const TokenizerSpec& spec() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace faqsmith
