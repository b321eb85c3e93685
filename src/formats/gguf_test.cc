// GGUF: what is read, what is written, and every lie of a file that must be refused (each is a published advisory of
// another loader).
#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/rng.h"
#include "formats/byte_builder.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kMagic = 0x46554747, kU32 = 4, kStringType = 8, kArrayType = 9;

// A valid file: one string key, two F32 tensors of 8 and 4 elements.
struct Plan {
  std::uint32_t magic = kMagic, version = 3;
  std::uint64_t n_tensors = 2, n_keys = 1;
  std::function<void(ByteBuilder&)> metadata = [](ByteBuilder& out) {
    out.text("general.architecture").put(kStringType).text("llama");
  };
  std::vector<std::uint64_t> dims = {4, 2};
  std::uint32_t type = 0;
  std::uint64_t offset = 0, second_offset = 32;
  std::string second_name = "b";
  std::size_t data_bytes = 48;

  [[nodiscard]] ByteBuilder build() const {
    ByteBuilder out;
    out.put(magic).put(version).put(n_tensors).put(n_keys);
    metadata(out);
    out.text("a").put(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t d : dims) out.put(d);
    out.put(type).put(offset);
    out.text(second_name).put<std::uint32_t>(1).put<std::uint64_t>(4).put<std::uint32_t>(0).put(second_offset);
    out.bytes.append((32 - out.bytes.size() % 32) % 32, '\0');
    out.bytes.append(data_bytes, '\x01');
    return out;
  }
};

std::string refusal(const ByteBuilder& file) {
  try {
    (void)parse_gguf(file.span(), "model.gguf");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), HasSubstr("model.gguf"));
    return e.what();
  }
  return "accepted";
}

std::string refusal(const Plan& plan) {
  return refusal(plan.build());
}

TEST(Gguf, ReadsAValidFileOfBothVersions) {
  for (const std::uint32_t version : {2u, 3u}) {
    Plan plan;
    plan.version = version;
    const GgufHeader header = parse_gguf(plan.build().span(), "model.gguf");
    ASSERT_EQ(header.tensors.size(), 2u);
    EXPECT_EQ(header.tensors[0].n_elements, 8);
    EXPECT_EQ(header.tensors[1].offset - header.tensors[0].offset, 32u);
    EXPECT_EQ(std::get<std::string>(header.metadata.at("general.architecture")), "llama");
  }
}

TEST(Gguf, ReadsEveryMetadataType) {
  Plan plan;
  plan.n_keys = 14;
  plan.metadata = [](ByteBuilder& out) {
    out.text("u8").put(0u).put<std::uint8_t>(200).text("i8").put(1u).put<std::int8_t>(-2);
    out.text("u16").put(2u).put<std::uint16_t>(60000).text("i16").put(3u).put<std::int16_t>(-3);
    out.text("u32").put(4u).put<std::uint32_t>(4000000000u).text("i32").put(5u).put<std::int32_t>(-4);
    out.text("f32").put(6u).put(0.5f).text("bool").put(7u).put<std::uint8_t>(1).text("text").put(8u).text("x");
    out.text("strings").put(9u).put(8u).put<std::uint64_t>(2).text("p").text("q");
    out.text("i32s").put(9u).put(5u).put<std::uint64_t>(2).put<std::int32_t>(-7).put<std::int32_t>(7);
    out.text("u64").put(10u).put<std::uint64_t>(UINT64_MAX).text("i64").put(11u).put<std::int64_t>(INT64_MIN);
    out.text("f64").put(12u).put(0.25);
  };
  const auto metadata = parse_gguf(plan.build().span(), "f").metadata;
  EXPECT_EQ(std::get<std::uint64_t>(metadata.at("u8")), 200u);
  EXPECT_EQ(std::get<std::int64_t>(metadata.at("i8")), -2);
  EXPECT_EQ(std::get<std::uint64_t>(metadata.at("u16")), 60000u);
  EXPECT_EQ(std::get<std::int64_t>(metadata.at("i16")), -3);
  EXPECT_EQ(std::get<std::uint64_t>(metadata.at("u32")), 4000000000u);
  EXPECT_EQ(std::get<std::int64_t>(metadata.at("i32")), -4);
  EXPECT_EQ(std::get<double>(metadata.at("f32")), 0.5);
  EXPECT_EQ(std::get<bool>(metadata.at("bool")), true);
  EXPECT_EQ(std::get<std::string>(metadata.at("text")), "x");
  EXPECT_THAT(std::get<GgufStrings>(metadata.at("strings")), testing::ElementsAre("p", "q"));
  EXPECT_THAT(std::get<GgufIntegers>(metadata.at("i32s")), testing::ElementsAre(-7, 7));
  EXPECT_EQ(std::get<std::uint64_t>(metadata.at("u64")), UINT64_MAX);
  EXPECT_EQ(std::get<std::int64_t>(metadata.at("i64")), INT64_MIN);
  EXPECT_EQ(std::get<double>(metadata.at("f64")), 0.25);
}

TEST(Gguf, RefusesAFileCutAtAnyByte) {
  const ByteBuilder whole = Plan().build();
  for (std::size_t n = 0; n < whole.bytes.size(); ++n) {
    ByteBuilder cut;
    cut.bytes = whole.bytes.substr(0, n);
    EXPECT_NE(refusal(cut), "accepted") << n << " bytes";
  }
}

TEST(Gguf, RefusesOtherFilesAndVersions) {
  Plan plan;
  plan.magic = 0x12345678;
  EXPECT_THAT(refusal(plan), HasSubstr("does not begin with GGUF"));
  for (const std::uint32_t version : {0u, 1u, 4u, 0xffffffffu}) {
    plan = {};
    plan.version = version;
    EXPECT_THAT(refusal(plan), HasSubstr("is not supported"));
  }
  plan = {};
  plan.version = 0x03000000;
  EXPECT_THAT(refusal(plan), HasSubstr("big-endian"));
}

TEST(Gguf, RefusesCountsThatCannotFit) {
  for (const std::uint64_t count :
       {std::uint64_t{0xffffffff}, std::uint64_t{1} << 63, ~std::uint64_t{0}, std::uint64_t{1} << 60}) {
    Plan plan;
    plan.n_keys = count;
    EXPECT_THAT(refusal(plan), HasSubstr("number of metadata keys")) << count;
    plan = {};
    plan.n_tensors = count;
    EXPECT_THAT(refusal(plan), HasSubstr("number of tensors")) << count;
  }
}

TEST(Gguf, RefusesStringsAndArraysLongerThanTheFile) {
  for (const std::uint64_t length : {std::uint64_t{100000}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    Plan plan;
    plan.metadata = [&](ByteBuilder& out) { out.text("k").put(kStringType).put(length).raw("x"); };
    EXPECT_THAT(refusal(plan), HasSubstr("\"k\"")) << length;
    plan.metadata = [&](ByteBuilder& out) { out.put(length).raw("k").put(kU32).put(1u); };
    EXPECT_THAT(refusal(plan), HasSubstr("key 0")) << length;
    for (std::uint32_t element = 0; element <= 12; ++element) {
      plan.metadata = [&](ByteBuilder& out) { out.text("k").put(kArrayType).put(element).put(length); };
      EXPECT_THAT(refusal(plan), HasSubstr("\"k\"")) << element << ", " << length;
    }
  }
}

TEST(Gguf, RefusesNestedArraysUnknownTypesAndDoubleKeys) {
  Plan plan;
  plan.metadata = [](ByteBuilder& out) {
    out.text("k").put(kArrayType).put(kArrayType).put<std::uint64_t>(1).put(kU32).put<std::uint64_t>(0);
  };
  EXPECT_THAT(refusal(plan), HasSubstr("nested"));
  for (const std::uint32_t type : {13u, 255u, 0xffffffffu}) {
    plan.metadata = [&](ByteBuilder& out) { out.text("k").put(type).put<std::uint64_t>(0); };
    EXPECT_THAT(refusal(plan), HasSubstr("unknown"));
    plan.metadata = [&](ByteBuilder& out) { out.text("k").put(kArrayType).put(type).put<std::uint64_t>(0); };
    EXPECT_THAT(refusal(plan), HasSubstr("unknown"));
  }
  plan.metadata = [](ByteBuilder& out) { out.text("k").put<std::uint32_t>(7).put<std::uint8_t>(2); };
  EXPECT_THAT(refusal(plan), HasSubstr("boolean"));
  plan = {};
  plan.n_keys = 2;
  plan.metadata = [](ByteBuilder& out) { out.text("k").put(kU32).put(1u).text("k").put(kU32).put(2u); };
  EXPECT_THAT(refusal(plan), HasSubstr("twice"));
}

TEST(Gguf, RefusesImpossibleDimensions) {
  const std::uint64_t huge = static_cast<std::uint64_t>(INT64_MAX);
  const std::vector<std::vector<std::uint64_t>> shapes = {{},
                                                          {1, 1, 1, 1, 1},
                                                          {1, 1, 1, 1, 1, 1, 1, 1},
                                                          {huge, 2},
                                                          {huge, huge},
                                                          {std::uint64_t{1} << 32, std::uint64_t{1} << 32},
                                                          {4, 0},
                                                          {0},
                                                          {~std::uint64_t{0}},
                                                          {huge},
                                                          {std::uint64_t{1} << 62},
                                                          {1u << 31, 1u << 31, 4, 1}};
  for (const auto& dims : shapes) {
    Plan plan;
    plan.dims = dims;
    EXPECT_THAT(refusal(plan), HasSubstr("tensor \"a\"")) << testing::PrintToString(dims);
  }
}

TEST(Gguf, RefusesBadAlignments) {
  for (const std::uint32_t alignment : {0u, 1u, 13u, 33u, 1u << 31, 0xffffffffu}) {
    Plan plan;
    plan.metadata = [&](ByteBuilder& out) { out.text("general.alignment").put(kU32).put(alignment); };
    EXPECT_THAT(refusal(plan), HasSubstr("general.alignment")) << alignment;
  }
  Plan plan;
  plan.metadata = [&](ByteBuilder& out) { out.text("general.alignment").put(kStringType).text("32"); };
  EXPECT_THAT(refusal(plan), HasSubstr("general.alignment"));
}

TEST(Gguf, RefusesUnknownElementTypesAndBrokenBlocks) {
  for (const std::uint32_t type : {4u, 5u, 36u, 200u, 0xffffffffu}) {
    Plan plan;
    plan.type = type;
    EXPECT_THAT(refusal(plan), HasSubstr("element type")) << type;
  }
  Plan plan;
  plan.type = static_cast<std::uint32_t>(GgmlType::Q8_0);
  EXPECT_THAT(refusal(plan), HasSubstr("no whole Q8_0 blocks"));
}

TEST(Gguf, RefusesOffsetsPastTheEndUnalignedOrOverlapping) {
  for (const std::uint64_t offset :
       {std::uint64_t{64}, std::uint64_t{1} << 40, ~std::uint64_t{0} - 31, std::uint64_t{1} << 63}) {
    Plan plan;
    plan.second_offset = offset;
    EXPECT_THAT(refusal(plan), HasSubstr("ends after the file")) << offset;
  }
  Plan plan;
  plan.second_offset = 33;
  EXPECT_THAT(refusal(plan), HasSubstr("no multiple of 32"));
  plan.second_offset = 0;
  EXPECT_THAT(refusal(plan), HasSubstr("overlaps"));
  plan = {};
  plan.second_name = "a";
  EXPECT_THAT(refusal(plan), HasSubstr("twice"));
}

class GgufOnDisk : public testing::Test {
 protected:
  GgufOnDisk() : folder_(fs::path(testing::TempDir()) / fmt_name()) { fs::create_directories(folder_); }
  ~GgufOnDisk() override { fs::remove_all(folder_); }
  static std::string fmt_name() {
    return std::string("faqsmith_gguf_") + testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  fs::path folder_;
};

TEST_F(GgufOnDisk, WritesWhatItReads) {
  Rng rng(7);
  std::vector<float> matrix(3 * 5), norm(5);
  for (float& x : matrix) x = static_cast<float>(rng.normal());
  for (float& x : norm) x = static_cast<float>(rng.normal());
  GgufWriter out;
  out.add_string("general.architecture", "llama");
  out.add_uint32("n", 7);
  out.add_float32("f", 0.1f);
  out.add_bool("yes", true);
  out.add_strings("tokens", {"a", "", "\xff"});
  out.add_int32s("types", {-1, 3});
  out.add_tensor("half", {5, 3}, GgmlType::F16);
  out.add_tensor("norm", {5}, GgmlType::F32);
  out.begin(folder_ / "x.gguf");
  out.write_tensor(matrix);
  out.write_tensor(norm);
  out.finish();

  const GgufFile file(folder_ / "x.gguf");
  EXPECT_EQ(file.integer("n"), 7);
  EXPECT_EQ(static_cast<float>(file.get<double>("f")), 0.1f);
  EXPECT_TRUE(file.get<bool>("yes"));
  EXPECT_THAT(file.get<GgufStrings>("tokens"), testing::ElementsAre("a", "", "\xff"));
  EXPECT_THAT(file.get<GgufIntegers>("types"), testing::ElementsAre(-1, 3));
  std::vector<float> back(15);
  dequantize(GgmlType::F16, file.data(*file.find_tensor("half")), back.data(), 15);
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_NEAR(back[i], matrix[i], std::abs(matrix[i]) * 0x1p-11f);
  dequantize(GgmlType::F32, file.data(*file.find_tensor("norm")), back.data(), 5);
  EXPECT_TRUE(std::equal(norm.begin(), norm.end(), back.begin()));
  EXPECT_THROW((void)file.get<std::string>("absent"), Error);
  EXPECT_THROW((void)file.get<std::string>("n"), Error);
}

TEST_F(GgufOnDisk, NoticesAFileThatShrinksAfterMapping) {
  const fs::path path = folder_ / "x.gguf";
  write_file_atomic(path, Plan().build().bytes);
  const GgufFile file(path);
  fs::resize_file(path, fs::file_size(path) - 8);
  EXPECT_THROW((void)file.data(file.header().tensors[1]), Error);
}

TEST_F(GgufOnDisk, RefusesValuesThatDoNotFitIntoHalfPrecisionAndLeavesNoFile) {
  GgufWriter out;
  out.add_tensor("big", {2}, GgmlType::F16);
  out.begin(folder_ / "x.gguf");
  EXPECT_THROW(out.write_tensor(std::vector<float>{1.0f, 70000.0f}), Error);
  EXPECT_FALSE(fs::exists(folder_ / "x.gguf"));
}

// Hazard 5 as a whole: whatever the bytes, the answer is a value or an Error, never a crash.
TEST(Gguf, SurvivesTenThousandMutations) {
  const std::string valid = Plan().build().bytes;
  Rng rng(20260101);
  int accepted = 0;
  for (int round = 0; round < 10000; ++round) {
    ByteBuilder file;
    file.bytes = valid;
    for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
      const std::size_t at = rng.below(file.bytes.size());
      constexpr char kEdges[] = {'\x00', '\x01', '\x7f', '\x80', '\xff'};
      file.bytes[at] = rng.below(2) == 0 ? static_cast<char>(rng.below(256)) : kEdges[rng.below(5)];
    }
    if (rng.below(4) == 0) file.bytes.resize(rng.below(file.bytes.size() + 1));
    accepted += refusal(file) == "accepted" ? 1 : 0;
  }
  EXPECT_GT(accepted, 100);  // some edits only touch data
}

}  // namespace
}  // namespace faqsmith
