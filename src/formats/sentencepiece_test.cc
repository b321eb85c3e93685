// SentencePiece model files: what is read, each rule broken once, and any bytes at all.
#include "formats/sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "formats/sentencepiece_builder.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

std::string small_model() {
  return ProtoBuilder{}
      .text(1, proto_piece("<unk>", 0, 2))
      .text(1, proto_piece("<s>", 0, 3))
      .text(1, ProtoBuilder{}.text(1, "a").real(2, -1.5f).bytes)
      .text(2, proto_trainer())
      .text(3, proto_normalizer())
      .number(77, 5)
      .bytes;
}

std::string refusal(const std::string& bytes) {
  try {
    (void)parse_sentencepiece(bytes, "t.model");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), HasSubstr("t.model: byte "));
    return e.what();
  }
  return "accepted";
}

TEST(SentencePieceFile, ReadsPiecesAndSettings) {
  const SentencePieceModel model = parse_sentencepiece(small_model(), "t.model");
  ASSERT_EQ(model.pieces.size(), 3u);
  EXPECT_EQ(model.pieces[1].text, "<s>");
  EXPECT_EQ(model.pieces[1].type, 3);
  EXPECT_EQ(model.pieces[2].score, -1.5f);
  EXPECT_EQ(model.pieces[2].type, 1);
  EXPECT_EQ(model.type, SentencePieceModel::Type::Bpe);
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_TRUE(model.add_dummy_prefix);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_EQ(model.normalizer, "identity");
}

TEST(SentencePieceFile, TakesTheFormatsDefaultsForWhatIsAbsent) {
  const SentencePieceModel model = parse_sentencepiece(ProtoBuilder{}.text(1, proto_piece("a", 0, 1)).bytes, "t.model");
  EXPECT_EQ(model.type, SentencePieceModel::Type::Unigram);
  EXPECT_FALSE(model.byte_fallback);
  EXPECT_TRUE(model.remove_extra_whitespaces);
  EXPECT_EQ(model.eos_piece, "</s>");
}

TEST(SentencePieceFile, RefusesWhatDoesNotHoldTogetherByByteAndReason) {
  const std::string valid = small_model();
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(ProtoBuilder{}.text(2, proto_trainer()).bytes), HasSubstr("no pieces"));
  EXPECT_THAT(refusal(valid.substr(0, 9)), HasSubstr("remain"));
  EXPECT_THAT(refusal(std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11)), HasSubstr("remain"));
  EXPECT_THAT(refusal("\x0A\xFF"), HasSubstr("ends inside a number"));
  EXPECT_THAT(refusal("\x0A" + std::string(11, '\xFF')), HasSubstr("more than 64 bits"));
  EXPECT_THAT(refusal("\x0B"), HasSubstr("wire type 3"));
  EXPECT_THAT(refusal(std::string("\x00\x01", 2)), HasSubstr("number 0"));
  EXPECT_THAT(refusal(ProtoBuilder{}.number(1, 3).bytes), HasSubstr("wire type 0"));
  EXPECT_THAT(refusal(ProtoBuilder{}.text(1, proto_piece("", 0, 1)).bytes), HasSubstr("piece 0 is empty"));
  EXPECT_THAT(refusal(ProtoBuilder{}.text(1, proto_piece("a", NAN, 1)).bytes), HasSubstr("score of piece 0"));
  EXPECT_THAT(refusal(ProtoBuilder{}.text(1, proto_piece("a", 0, 9)).bytes), HasSubstr("unknown type 9"));
  EXPECT_THAT(refusal(valid + ProtoBuilder{}.text(2, proto_trainer(5)).bytes), HasSubstr("model_type 5"));
}

TEST(SentencePieceFile, SurvivesAnyBytes) {
  const std::string valid = small_model();
  Rng rng(5);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = valid;
    for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits)
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    if (rng.below(4) == 0) bytes.resize(rng.below(bytes.size()));
    accepted += refusal(bytes) == "accepted" ? 1 : 0;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace faqsmith
