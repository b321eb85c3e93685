// A message is a row of fields: a number and wire type, then the value. Unknown fields are stepped over.
#include "formats/sentencepiece.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "base/error.h"

namespace faqsmith {
namespace {

enum class Wire : std::uint32_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::Varint;
  std::uint64_t integer = 0;  // Varint, Fixed32, Fixed64
  std::string_view bytes;     // Bytes
  std::size_t at = 0;         // of the value, in the file
};

class Message {
 public:
  // begin: where bytes start in the file.
  Message(std::string_view bytes, std::size_t begin, const std::string& file)
      : bytes_(bytes), begin_(begin), file_(file) {}

  void for_each(const std::function<void(const Field&)>& visit) {
    while (at_ < bytes_.size()) {
      Field field;
      const std::uint64_t key = varint();
      field.number = key >> 3;
      field.wire = static_cast<Wire>(key & 7);
      if (field.number == 0) fail("a field has the number 0");
      field.at = begin_ + at_;
      switch (field.wire) {
        case Wire::Varint:
          field.integer = varint();
          break;
        case Wire::Fixed64:
          field.integer = fixed(8);
          break;
        case Wire::Fixed32:
          field.integer = fixed(4);
          break;
        case Wire::Bytes: {
          const std::uint64_t n = varint();
          if (n > bytes_.size() - at_) fail(fmt::format("a field of {} bytes, but {} remain", n, bytes_.size() - at_));
          field.at = begin_ + at_;
          field.bytes = bytes_.substr(at_, static_cast<std::size_t>(n));
          at_ += static_cast<std::size_t>(n);
          break;
        }
        default:
          fail(fmt::format("wire type {} is unknown", key & 7));
      }
      visit(field);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(Kind::Input, fmt::format("{}: byte {}: {}", file_, begin_ + at_, reason),
                "the file is damaged or no SentencePiece model: download it again");
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ >= bytes_.size()) fail("the file ends inside a number");
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("a number has more than 64 bits");
  }
  std::uint64_t fixed(std::size_t n) {
    if (n > bytes_.size() - at_) fail("the file ends inside a number");
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at_, n);
    at_ += n;
    return value;
  }

  std::string_view bytes_;
  std::size_t begin_;
  const std::string& file_;
  std::size_t at_ = 0;
};

[[noreturn]] void refuse(const std::string& file, std::size_t at, const std::string& reason) {
  throw Error(Kind::Input, fmt::format("{}: byte {}: {}", file, at, reason),
              "the file is damaged or no SentencePiece model: download it again");
}

void expect(const Field& field, Wire wire, const char* name, const std::string& file) {
  if (field.wire != wire)
    refuse(file, field.at, fmt::format("{} has wire type {}", name, static_cast<int>(field.wire)));
}

SentencePiece parse_piece(const Field& piece, std::size_t id, const std::string& file) {
  SentencePiece out;
  Message(piece.bytes, piece.at, file).for_each([&](const Field& field) {
    if (field.number == 1) {
      expect(field, Wire::Bytes, "a piece's text", file);
      out.text = field.bytes;
    } else if (field.number == 2) {
      expect(field, Wire::Fixed32, "a piece's score", file);
      const auto bits = static_cast<std::uint32_t>(field.integer);
      std::memcpy(&out.score, &bits, sizeof(bits));
      if (!std::isfinite(out.score))
        refuse(file, field.at, fmt::format("the score of piece {} is not a finite number", id));
    } else if (field.number == 3) {
      expect(field, Wire::Varint, "a piece's type", file);
      if (field.integer < 1 || field.integer > 6)
        refuse(file, field.at, fmt::format("piece {} has the unknown type {}", id, field.integer));
      out.type = static_cast<std::int32_t>(field.integer);
    }
  });
  if (out.text.empty()) refuse(file, piece.at, fmt::format("piece {} is empty", id));
  return out;
}

void parse_trainer(const Field& settings, SentencePieceModel& model, const std::string& file) {
  using Type = SentencePieceModel::Type;
  Message(settings.bytes, settings.at, file).for_each([&](const Field& field) {
    const auto text = [&](const char* name, std::string& out) {
      expect(field, Wire::Bytes, name, file);
      out = field.bytes;
    };
    const auto flag = [&](const char* name, bool& out) {
      expect(field, Wire::Varint, name, file);
      out = field.integer != 0;
    };
    switch (field.number) {
      case 3:
        expect(field, Wire::Varint, "model_type", file);
        if (field.integer < 1 || field.integer > 4)
          refuse(file, field.at, fmt::format("model_type {} is unknown", field.integer));
        model.type = static_cast<Type>(field.integer);
        break;
      case 24:
        return flag("treat_whitespace_as_suffix", model.whitespace_as_suffix);
      case 35:
        return flag("byte_fallback", model.byte_fallback);
      case 45:
        return text("unk_piece", model.unknown_piece);
      case 46:
        return text("bos_piece", model.bos_piece);
      case 47:
        return text("eos_piece", model.eos_piece);
      case 48:
        return text("pad_piece", model.pad_piece);
      default:
        break;
    }
  });
}

void parse_normalizer(const Field& settings, SentencePieceModel& model, const std::string& file) {
  Message(settings.bytes, settings.at, file).for_each([&](const Field& field) {
    const auto flag = [&](const char* name, bool& out) {
      expect(field, Wire::Varint, name, file);
      out = field.integer != 0;
    };
    switch (field.number) {
      case 1:
        expect(field, Wire::Bytes, "a normalizer's name", file);
        model.normalizer = field.bytes;
        break;
      case 2:
        expect(field, Wire::Bytes, "precompiled_charsmap", file);
        model.maps_characters = !field.bytes.empty();
        break;
      case 3:
        return flag("add_dummy_prefix", model.add_dummy_prefix);
      case 4:
        return flag("remove_extra_whitespaces", model.remove_extra_whitespaces);
      case 5:
        return flag("escape_whitespaces", model.escape_whitespaces);
      default:
        break;
    }
  });
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file) {
  SentencePieceModel model;
  if (bytes.empty()) refuse(file, 0, "the file is empty");
  Message(bytes, 0, file).for_each([&](const Field& field) {
    if (field.number == 1) {
      expect(field, Wire::Bytes, "a piece", file);
      model.pieces.push_back(parse_piece(field, model.pieces.size(), file));
    } else if (field.number == 2) {
      expect(field, Wire::Bytes, "trainer_spec", file);
      parse_trainer(field, model, file);
    } else if (field.number == 3) {
      expect(field, Wire::Bytes, "normalizer_spec", file);
      parse_normalizer(field, model, file);
    } else if (field.number == 5) {
      expect(field, Wire::Bytes, "denormalizer_spec", file);
      SentencePieceModel back;
      parse_normalizer(field, back, file);
      model.maps_characters_back = back.maps_characters;
    }
  });
  if (model.pieces.empty()) refuse(file, bytes.size(), "the file has no pieces");
  return model;
}

}  // namespace faqsmith
