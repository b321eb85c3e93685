// A matrix gives the same rows in whatever form it is kept.
#include "model/weight_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "model/model_files_test.h"
#include "model/tokenizer_files_save.h"
#include "model/weights_hf.h"
#include "sys/file.h"
#include "tensor/quants.h"

namespace faqsmith {
namespace {

// Golden blocks of a type: random ones, with what the reference decodes them to.
struct Golden {
  std::string file;
  std::uint32_t n = 0, n_bytes = 0;
  explicit Golden(const std::string& type)
      : file(read_file(std::string(FAQSMITH_SOURCE_DIR) + "/tests/golden/quants_" + type + ".bin")) {
    std::memcpy(&n, file.data(), 4);
    std::memcpy(&n_bytes, file.data() + 4, 4);
  }
  [[nodiscard]] std::span<const std::byte> blocks() const { return std::as_bytes(std::span(file)).subspan(8, n_bytes); }
  [[nodiscard]] std::vector<float> values() const {
    std::vector<float> out(n);
    std::memcpy(out.data(), file.data() + 8 + n_bytes, n * sizeof(float));
    return out;
  }
};

// head_dim 8: rows 0, 2, 4, 6 of a head in the file are its first half.
TEST(WeightMatrix, DecodesEveryStoredTypeInEitherRowOrder) {
  const std::pair<GgmlType, const char*> types[] = {
      {GgmlType::F16, "F16"},   {GgmlType::BF16, "BF16"}, {GgmlType::Q8_0, "Q8_0"}, {GgmlType::Q4_0, "Q4_0"},
      {GgmlType::Q4_1, "Q4_1"}, {GgmlType::Q5_0, "Q5_0"}, {GgmlType::Q5_1, "Q5_1"}, {GgmlType::Q2_K, "Q2_K"},
      {GgmlType::Q3_K, "Q3_K"}, {GgmlType::Q4_K, "Q4_K"}, {GgmlType::Q5_K, "Q5_K"}, {GgmlType::Q6_K, "Q6_K"}};
  constexpr std::int64_t kHeadDim = 8;
  for (const auto& [type, name] : types) {
    const Golden golden(name);
    const std::vector<float> values = golden.values();
    const std::int64_t columns = find_type(static_cast<std::uint32_t>(type))->block_elements == 256 ? 256 : 32;
    const std::int64_t rows = std::min<std::int64_t>(golden.n / columns, 1024) / kHeadDim * kHeadDim;
    ASSERT_GE(rows, kHeadDim) << name;
    const std::size_t bytes = golden.n_bytes / (golden.n / columns) * static_cast<std::size_t>(rows);
    for (const RowOrder order : {RowOrder::Same, RowOrder::PairedHalves}) {
      const WeightMatrix matrix({rows, columns}, {.type = type,
                                                  .bytes = golden.blocks().subspan(0, bytes),
                                                  .owner = nullptr,
                                                  .order = order,
                                                  .head_dim = kHeadDim});
      EXPECT_EQ(matrix.stored_type(), type);
      EXPECT_EQ(matrix.in_memory(), nullptr);
      EXPECT_EQ(matrix.mapped_bytes(), bytes);
      EXPECT_EQ(matrix.resident_bytes(), 0u);
      const Buffer<float> all = matrix.decode();
      for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t within = row % kHeadDim, half = kHeadDim / 2;
        const std::int64_t source =
            order == RowOrder::Same ? row : row - within + (within < half ? 2 * within : 2 * (within - half) + 1);
        const float* expected = values.data() + source * columns;
        std::vector<float> one(static_cast<std::size_t>(columns)), blocks = one;
        matrix.decode_rows(row, 1, one.data());
        dequantize(type, matrix.row_blocks(row), blocks.data(), columns);
        const std::size_t n = one.size() * sizeof(float);
        ASSERT_EQ(std::memcmp(one.data(), expected, n), 0) << name << " row " << row;
        ASSERT_EQ(std::memcmp(blocks.data(), expected, n), 0) << name << " row " << row;
        ASSERT_EQ(std::memcmp(all.data() + row * columns, expected, n), 0) << name << " row " << row;
      }
    }
  }
}

TEST(WeightMatrix, FindsTheFirstValueThatIsNoNumberInTheOrderOfTheFile) {
  std::vector<float> values(16 * 4, 1.0f);
  values[4 * 1 + 2] = NAN;       // row 4 of Hugging Face's order
  values[4 * 2 + 1] = INFINITY;  // row 1, which is read first
  const WeightMatrix matrix({16, 4}, {.type = GgmlType::F32,
                                      .bytes = std::as_bytes(std::span(values)),
                                      .owner = nullptr,
                                      .order = RowOrder::PairedHalves,
                                      .head_dim = 8});
  EXPECT_EQ(matrix.find_non_finite(), 6);
  Buffer<float> out({16, 4});
  EXPECT_EQ(matrix.find_non_finite(out.data()), 6);
  EXPECT_TRUE(std::isnan(out[4 * 4 + 2]));
  values[6] = values[9] = 0.0f;
  EXPECT_EQ(matrix.find_non_finite(), std::nullopt);
}

TEST(WeightMatrix, RefusesToShowFrozenValuesAsFloat32) {
  const std::vector<float> values(8, 1.0f);
  const WeightMatrix matrix({2, 4}, {.bytes = std::as_bytes(std::span(values)), .owner = nullptr});
  EXPECT_FALSE(matrix.is_float32());
  EXPECT_THROW((void)matrix.values(), Error);
  std::vector<float> out(8);
  EXPECT_THROW(matrix.decode_rows(1, 2, out.data()), Error);
}

// As Float32 and AsStored, the same bits; and the files may be gone once they are mapped.
void expect_same_stored(const fs::path& path, GgmlType type) {
  const Weights loaded = load_model(path, HashFile::No).weights;
  ModelFile frozen = load_model(path, HashFile::Yes, Residency::AsStored);
  EXPECT_EQ(frozen.sha256, model_sha256(path));
  fs::remove_all(path);
  EXPECT_EQ(mapped_bytes(loaded), 0u);
  EXPECT_EQ(resident_bytes(frozen.weights), 0u);
  EXPECT_GT(mapped_bytes(frozen.weights), 0u);
  for_each_matrix(frozen.weights, [&](const std::string& name, WeightMatrix& matrix) {
    EXPECT_EQ(matrix.stored_type(), type) << name;
    matrix = WeightMatrix(matrix.decode());
  });
  expect_equal(loaded, frozen.weights, 0);
}

TEST(Residency, GivesTheSameModelFromEveryKindOfGguf) {
  for (const auto& [name, config] : every_kind(Format::Gguf)) {
    SCOPED_TRACE(name);
    const fs::path file = test_folder("residency") / "m.gguf";
    for (const GgufFloat type : {GgufFloat::F32, GgufFloat::F16}) {
      save_gguf(file, random_weights(config, 7), small_tokenizer(), "x", type);
      expect_same_stored(file, type == GgufFloat::F32 ? GgmlType::F32 : GgmlType::F16);
    }
  }
}

TEST(Residency, GivesTheSameModelFromEveryKindOfFolder) {
  const std::pair<SafeFloat, GgmlType> types[] = {
      {SafeFloat::F32, GgmlType::F32}, {SafeFloat::F16, GgmlType::F16}, {SafeFloat::BF16, GgmlType::BF16}};
  for (const auto& [name, config] : every_kind(Format::HuggingFace)) {
    SCOPED_TRACE(name);
    for (const auto& [type, stored] : types) {
      const fs::path folder = test_folder("residency_hf");
      save_hf_folder(folder, random_weights(config, 7), small_tokenizer(),
                     {.type = type, .max_shard_bytes = 9000, .name = "x"});
      ASSERT_TRUE(save_hf_tokenizer(folder, small_tokenizer()));
      expect_same_stored(folder, stored);
    }
  }
}

}  // namespace
}  // namespace faqsmith
