// Text to token ids and back. Byte-level BPE (GPT-2 family) as published in GGUF metadata; thread-safe after
// construction. Source: Sennrich et al. 2016 (BPE); GPT-2's byte alphabet; SmolLM's pre-tokenisation (single digits,
// then ByteLevel).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

using TokenId = std::int32_t;

// What a model file says about its vocabulary. text/ does not read files: model/ fills this in from GGUF metadata.
struct TokenizerSpec {
  std::string model;  // tokenizer.ggml.model, e.g. "gpt2"
  std::string pre;    // tokenizer.ggml.pre, e.g. "smollm"
  std::vector<std::string> tokens;
  std::vector<std::int32_t> token_types;  // GGUF: 1 normal, 3 control, 4 user defined, 6 byte; empty = all normal
  std::vector<std::string> merges;        // "left right" in rank order
  TokenId bos = -1, eos = -1, unknown = -1, pad = -1;
  bool add_bos = false;
  std::string chat_template;
};

class Tokenizer {
 public:
  // Throws Error(Input) naming the field: duplicate token, special id out of range, merge of unknown parts, unknown
  // model or pre-tokenisation.
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();

  // Plain text: never yields a control token, whatever the text says ("<|im_end|>" is encoded as characters).
  // Invalid UTF-8 becomes U+FFFD first. Linear time in practice, O(n log n) worst case.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const;
  // Control and normal tokens alike; ids out of range throw Error(User).
  [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const;  // control tokens shown as their text
  [[nodiscard]] const std::string& token_bytes(
      TokenId id) const;  // raw bytes this id stands for (may be partial UTF-8)
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
