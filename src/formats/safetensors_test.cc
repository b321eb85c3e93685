// safetensors: the format's own rules, each broken once, and round trips.
#include "formats/safetensors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "formats/byte_builder.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

ByteBuilder file_of(const std::string& header, std::size_t data_bytes) {
  ByteBuilder out;
  out.text(header);
  out.bytes.append(data_bytes, '\0');
  return out;
}

std::string refusal(const ByteBuilder& file) {
  try {
    (void)parse_safetensors(file.span(), "x.safetensors");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), HasSubstr("x.safetensors"));
    return e.what();
  }
  return "accepted";
}

std::string refusal(const std::string& header, std::size_t data_bytes) {
  return refusal(file_of(header, data_bytes));
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape, offsets);
}

TEST(Safetensors, ReadsAValidFile) {
  const std::string text = "{" + tensor("b", "F32", "[2,1]", "[4,12]") + "," + tensor("a", "F16", "[2]", "[0,4]") +
                           R"(,"__metadata__":{"format":"pt"}})" + "   ";
  const ByteBuilder file = file_of(text, 12);
  const SafetensorsHeader header = parse_safetensors(file.span(), "x");
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[1].offset, 8 + text.size() + 4);
  EXPECT_THAT(header.tensors[1].shape, testing::ElementsAre(2, 1));
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(Safetensors, AcceptsEmptyFilesEmptyTensorsAndScalars) {
  EXPECT_EQ(refusal("{}", 0), "accepted");
  EXPECT_EQ(refusal("{" + tensor("e", "F32", "[0,3]", "[0,0]") + "," + tensor("s", "F32", "[]", "[0,4]") + "}", 4),
            "accepted");
}

TEST(Safetensors, RefusesHeaderLengthsThatCannotBe) {
  for (const std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{100'000'001}}) {
    ByteBuilder file;
    file.put(length).raw("{}");
    EXPECT_THAT(refusal(file), HasSubstr("more than the 100000000 allowed")) << length;
  }
  ByteBuilder file;
  file.put<std::uint64_t>(3).raw("{}");
  EXPECT_THAT(refusal(file), HasSubstr("longer than the file"));
  file.bytes.resize(5);
  EXPECT_THAT(refusal(file), HasSubstr("too few"));
}

TEST(Safetensors, RefusesHeadersThatAreNoSuchJson) {
  EXPECT_THAT(refusal("", 0), HasSubstr("'{'"));
  EXPECT_THAT(refusal(" {}", 0), HasSubstr("'{'"));
  EXPECT_THAT(refusal("[1]", 0), HasSubstr("'{'"));
  EXPECT_THAT(refusal("{\"a\":", 0), HasSubstr("no JSON"));
  EXPECT_THAT(refusal("{\"a\xff\":1}", 0), HasSubstr("no JSON"));
  EXPECT_THAT(refusal(R"({"a":1})", 0), HasSubstr("other fields"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[1]}})", 4), HasSubstr("other fields"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"a":1}})", 0), HasSubstr("no text"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}", 0), HasSubstr("nested"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(200000, '['), 0), HasSubstr("nested"));
}

TEST(Safetensors, RefusesDuplicateKeys) {
  const std::string one = tensor("a", "F32", "[1]", "[0,4]");
  EXPECT_THAT(refusal("{" + one + "," + one + "}", 4), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
              HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"x":"1","x":"2"}})", 0), HasSubstr("twice"));
  EXPECT_EQ(refusal("{" + one + "," + tensor("b", "F32", "[1]", "[4,8]") + "}", 8), "accepted");
}

TEST(Safetensors, RefusesOverlapsHolesAndLeftOverBytes) {
  const auto two = [](const std::string& second) {
    return "{" + tensor("a", "F32", "[1]", "[0,4]") + "," + second + "}";
  };
  EXPECT_THAT(refusal(two(tensor("b", "F32", "[1]", "[0,4]")), 4), HasSubstr("overlap or hole"));
  EXPECT_THAT(refusal(two(tensor("b", "F32", "[1]", "[2,6]")), 6), HasSubstr("overlap or hole"));
  EXPECT_THAT(refusal(two(tensor("b", "F32", "[1]", "[8,12]")), 12), HasSubstr("overlap or hole"));
  EXPECT_THAT(refusal(two(tensor("b", "F32", "[1]", "[4,8]")), 9), HasSubstr("follow the last tensor"));
  EXPECT_THAT(refusal(two(tensor("b", "F32", "[1]", "[4,8]")), 7), HasSubstr("ends after the file"));
  EXPECT_THAT(refusal("{}", 1), HasSubstr("follow the last tensor"));
}

TEST(Safetensors, RefusesShapesThatDoNotFitTheirBytes) {
  const auto alone = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return refusal("{" + tensor("a", dtype, shape, offsets) + "}", 4);
  };
  EXPECT_THAT(alone("F32", "[2]", "[0,4]"), HasSubstr("do not fit"));
  EXPECT_THAT(alone("F16", "[1]", "[0,4]"), HasSubstr("do not fit"));
  EXPECT_THAT(alone("F32", "[1]", "[4,0]"), HasSubstr("do not fit"));
  EXPECT_THAT(alone("F32", "[4611686018427387905]", "[0,4]"), HasSubstr("do not fit"));  // x 4 wraps to 4
  EXPECT_THAT(alone("F32", "[18446744073709551615,18446744073709551615]", "[0,4]"), HasSubstr("impossible shape"));
  EXPECT_THAT(alone("F32", "[-1]", "[0,4]"), HasSubstr("whole number"));
  EXPECT_THAT(alone("F32", "[1.0]", "[0,4]"), HasSubstr("whole number"));
  EXPECT_THAT(alone("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), HasSubstr("dimensions"));
  EXPECT_THAT(alone("F33", "[1]", "[0,4]"), HasSubstr("unknown type"));
  EXPECT_THAT(alone("F32", "[1]", "[0,4,4]"), HasSubstr("wrong types"));
  EXPECT_THAT(alone("F32", "1", "[0,4]"), HasSubstr("wrong types"));
}

class SafetensorsOnDisk : public testing::Test {
 protected:
  SafetensorsOnDisk()
      : path_(fs::path(testing::TempDir()) /
              (std::string("faqsmith_") + testing::UnitTest::GetInstance()->current_test_info()->name() +
               ".safetensors")) {}
  ~SafetensorsOnDisk() override { fs::remove(path_); }
  fs::path path_;
};

TEST_F(SafetensorsOnDisk, WritesWhatItReads) {
  Rng rng(3);
  std::vector<float> values(35);
  for (float& x : values) x = static_cast<float>(rng.normal());
  for (const SafeFloat type : {SafeFloat::F32, SafeFloat::F16}) {
    const std::span<const float> all(values);
    write_safetensors(path_, {{"w \"quoted\"", {5, 6}, all.first(30)}, {"v", {5}, all.last(5)}}, type,
                      {{"format", "pt"}});
    const SafetensorsFile file(path_);
    EXPECT_EQ(file.header().metadata.at("format"), "pt");
    std::vector<float> back(30);
    file.read_floats(*file.find_tensor("w \"quoted\""), back.data());
    for (std::size_t i = 0; i < back.size(); ++i) {
      const float bound = type == SafeFloat::F32 ? 0.0f : std::abs(values[i]) * 0x1p-11f;
      EXPECT_NEAR(back[i], values[i], bound);
    }
    EXPECT_EQ(file.find_tensor("absent"), nullptr);
  }
}

TEST_F(SafetensorsOnDisk, HalfTypesRoundToTheNearestAndTiesToEven) {
  Rng rng(4);
  std::vector<float> values = {0.0f, -0.0f, 1.0f, 1.00390625f, 1.01171875f, 0x1p-130f, -0x1.8p-140f};
  for (int i = 0; i < 70000; ++i)
    values.push_back(static_cast<float>(rng.normal() * std::pow(10.0, rng.uniform() * 8 - 4)));
  write_safetensors(path_, {{"w", {static_cast<std::int64_t>(values.size())}, values}}, SafeFloat::BF16, {});
  const SafetensorsFile file(path_);
  const SafeTensor& tensor = *file.find_tensor("w");
  EXPECT_EQ(tensor.dtype, "BF16");
  EXPECT_EQ(tensor.n_bytes, values.size() * 2);
  std::vector<float> back(values.size());
  file.read_floats(tensor, back.data());
  EXPECT_EQ(back[3], 1.0f);       // a tie: 1 + 2^-8 is half a step
  EXPECT_EQ(back[4], 1.015625f);  // and 1 + 3 * 2^-8 goes up
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(back[i]);
    EXPECT_EQ(bits & 0xffffu, 0u);
    const double error = std::abs(static_cast<double>(back[i]) - values[i]);
    for (const std::uint32_t neighbour : {bits - 0x10000u, bits + 0x10000u}) {
      const double other = std::abs(static_cast<double>(std::bit_cast<float>(neighbour)) - values[i]);
      if (std::isfinite(other)) {
        EXPECT_LE(error, other) << values[i];
      }
    }
  }
}

TEST_F(SafetensorsOnDisk, RefusesValuesThatDoNotFitIntoTheType) {
  const std::vector<float> large = {1.0f, 3.4e38f};
  for (const auto& [type, name] : {std::pair{SafeFloat::F16, "F16"}, std::pair{SafeFloat::BF16, "BF16"}}) {
    try {
      write_safetensors(path_, {{"w", {2}, large}}, type, {});
      FAIL();
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(fmt::format("does not fit into {}", name)));
    }
    EXPECT_FALSE(fs::exists(path_));
  }
}

TEST_F(SafetensorsOnDisk, RefusesNumbersThatAreNotFiniteByTensorAndIndex) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> values(8, 1.0f);
    values[5] = bad;
    write_safetensors(path_, {{"w", {8}, values}}, SafeFloat::F32, {});
    const SafetensorsFile file(path_);
    try {
      file.read_floats(file.header().tensors[0], values.data());
      FAIL() << "accepted " << bad;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("\"w\" is not a finite number at index 5"));
    }
  }
}

TEST_F(SafetensorsOnDisk, ReadsWhatPyTorchWrote) {
  const SafetensorsFile file(std::string(FAQSMITH_SOURCE_DIR) + "/tests/golden/train_gqa_tied.safetensors");
  EXPECT_GT(file.header().tensors.size(), 10u);
}

TEST(Safetensors, SurvivesTenThousandMutations) {
  const ByteBuilder valid =
      file_of("{" + tensor("a", "F32", "[2,2]", "[0,16]") + "," + tensor("b", "BF16", "[4]", "[16,24]") + "}", 24);
  Rng rng(11);
  int accepted = 0;
  for (int round = 0; round < 10000; ++round) {
    ByteBuilder file = valid;
    for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
      constexpr char kLikely[] = "0123456789[]{},:\"-e.FU";
      const std::size_t at = rng.below(file.bytes.size());
      file.bytes[at] = rng.below(2) == 0 ? static_cast<char>(rng.below(256)) : kLikely[rng.below(sizeof kLikely - 1)];
    }
    if (rng.below(4) == 0) file.bytes.resize(rng.below(file.bytes.size() + 1));
    accepted += refusal(file) == "accepted" ? 1 : 0;
  }
  EXPECT_GT(accepted, 50);
}

}  // namespace
}  // namespace faqsmith
