// Builds SentencePiece model files by hand in tests: the protocol buffers' wire format.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace faqsmith {

struct ProtoBuilder {
  std::string bytes;
  ProtoBuilder& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80 | (value & 0x7F));
    bytes += static_cast<char>(value);
    return *this;
  }
  ProtoBuilder& number(std::uint64_t field, std::uint64_t value) { return varint(field << 3).varint(value); }
  ProtoBuilder& real(std::uint64_t field, float value) {
    varint((field << 3) | 5);
    char raw[sizeof(value)];
    std::memcpy(raw, &value, sizeof(value));
    bytes.append(raw, sizeof(raw));
    return *this;
  }
  ProtoBuilder& text(std::uint64_t field, std::string_view value) {
    varint((field << 3) | 2).varint(value.size());
    bytes += value;
    return *this;
  }
};

// A piece, and the settings that every Llama model has: BPE, byte fallback, a space before the text, no normalisation.
inline std::string proto_piece(std::string_view text, float score, std::uint64_t type) {
  return ProtoBuilder{}.text(1, text).real(2, score).number(3, type).bytes;
}
inline std::string proto_trainer(std::uint64_t model_type = 2, std::uint64_t byte_fallback = 1) {
  return ProtoBuilder{}.number(3, model_type).number(35, byte_fallback).bytes;
}
inline std::string proto_normalizer(std::uint64_t dummy_prefix = 1, std::uint64_t extra_spaces = 0) {
  return ProtoBuilder{}.text(1, "identity").number(3, dummy_prefix).number(4, extra_spaces).number(5, 1).bytes;
}

}  // namespace faqsmith
