// Exports of tiny runs: what is written is what was trained, and what is not is refused and removed.
#include "stages/export/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "infer/tiny_tokenizer.h"
#include "model/gguf_types.h"
#include "model/tokenizer_files_save.h"
#include "model/weights_hf.h"
#include "stages/export/compare.h"
#include "store/tables.h"
#include "train/checkpoint.h"

namespace faqsmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LlamaConfig tiny_config() {
  return {.hidden_size = 32,
          .intermediate_size = 48,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = static_cast<std::int64_t>(tiny_tokenizer_spec().tokens.size()),
          .max_positions = 1024};
}

class Export : public testing::Test {
 protected:
  Export()
      : folder_(fs::path(testing::TempDir()) /
                (std::string("faqsmith_export_") + testing::UnitTest::GetInstance()->current_test_info()->name())),
        workspace_((fs::remove_all(folder_), folder_ / "bot"), Workspace::Mode::Create),
        base_(random_weights(tiny_config(), 1)) {
    options_ = {.base_model = folder_ / "base.gguf", .run = folder_ / "run", .folder = folder_ / "out", .topic = ""};
    save_gguf(options_.base_model, base_, tiny_tokenizer_spec(), "Tiny", GgufFloat::F32);
  }
  ~Export() override { fs::remove_all(folder_); }

  [[nodiscard]] Manifest manifest(Method method) const {
    Manifest out;
    out.fingerprint = "print";
    out.base_name = "Tiny";
    out.base_sha256 = load_model(options_.base_model).sha256;
    out.options = "{}";
    out.method = method;
    out.config = tiny_config();
    out.lora = {.rank = 4, .alpha = 8, .targets = {Linear::Q, Linear::K, Linear::Down}};
    return out;
  }
  void write_run(const Manifest& manifest, const std::vector<TrainedTensor>& tensors) const {
    write_checkpoint(options_.run, CheckpointKind::Best, manifest, tensors, nullptr);
  }
  Weights write_full_run() {
    Weights trained = random_weights(tiny_config(), 2);
    std::vector<TrainedTensor> tensors;
    for_each_tensor(trained, [&](const std::string& name, Buffer<float>& tensor) {
      tensors.push_back({.name = name, .value = {tensor.data(), tensor.shape()}, .grad = {}});
    });
    write_run(manifest(Method::Full), tensors);
    return trained;
  }
  void write_lora_run(Method method = Method::Lora) {
    const Manifest run = manifest(method);
    Rng rng(5);
    LoraWeights lora = init_lora(tiny_config(), run.lora, rng);
    std::vector<TrainedTensor> tensors;
    for (std::size_t i = 0; i < lora.layers.size(); ++i) {
      for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
        auto& pair = lora.layers[i][l];
        if (!pair) continue;
        for (std::int64_t k = 0; k < pair->b.size(); ++k) pair->b[k] = static_cast<float>(0.1 * rng.normal());
        std::string name = hf_name(static_cast<std::int64_t>(i), static_cast<Linear>(l));
        name.resize(name.size() - std::string(".weight").size());
        tensors.push_back({.name = name + ".lora_A", .value = {pair->a.data(), pair->a.shape()}, .grad = {}});
        tensors.push_back({.name = name + ".lora_B", .value = {pair->b.data(), pair->b.shape()}, .grad = {}});
      }
    }
    write_run(run, tensors);
  }
  StageReport run() { return export_model(workspace_, options_, reporter_); }
  // Every value has the trained one's bits; the number of tensors.
  static std::int64_t same_tensors(const Weights& trained, const Weights& other) {
    const TensorTypes exact = tensor_types(trained.config, ExportKind::GgufF32, SafeFloat::F32);
    return compare_tensors(WeightsSource(trained), WeightsSource(other), exact, "x").n_tensors;
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options_.folder)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string refusal() {
    try {
      run();
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }

  fs::path folder_;
  Workspace workspace_;
  Weights base_;
  ExportOptions options_;
  SilentReporter reporter_;
};

TEST_F(Export, WritesTheTrainedModelInBothPrecisions) {
  const Weights trained = write_full_run();
  const StageReport report = run();
  EXPECT_THAT(files(), ElementsAre("exports.json", "model-f16.Modelfile", "model-f16.gguf", "model-f32.Modelfile",
                                   "model-f32.gguf"));
  EXPECT_EQ(report.counts.at("files"), 2);
  EXPECT_EQ(report.counts.at("same_text_f32"), report.counts.at("prompts"));
  EXPECT_EQ(report.counts.at("score_difference_f32"), 0);
  const Weights reloaded = load_model(options_.folder / "model-f32.gguf").weights;
  EXPECT_EQ(same_tensors(trained, reloaded), 20);
  const auto notes = parse_json(read_file(options_.folder / "exports.json"));
  EXPECT_EQ(notes["files"]["model-f16.gguf"]["sha256"], load_model(options_.folder / "model-f16.gguf").sha256);
  EXPECT_EQ(notes["base_model"]["name"], "Tiny");
}

TEST_F(Export, WritesAHuggingFaceFolderWhereAsked) {
  const Weights trained = write_full_run();
  options_.kinds = {ExportKind::Hf};
  const StageReport report = run();
  EXPECT_THAT(files(), ElementsAre("exports.json", "model-hf"));
  EXPECT_EQ(report.counts.at("same_text_hf"), report.counts.at("prompts"));
  EXPECT_EQ(report.counts.at("score_difference_hf"), 0);
  const ModelFile reloaded = load_model(options_.folder / "model-hf");
  EXPECT_EQ(same_tensors(trained, reloaded.weights), 20);
  EXPECT_EQ(reloaded.name, "Tiny");
  const auto notes = parse_json(read_file(options_.folder / "exports.json"));
  EXPECT_EQ(notes["files"]["model-hf"]["sha256"], reloaded.sha256);
  EXPECT_TRUE(run().up_to_date);
}

TEST_F(Export, AFolderAsBaseGivesItsTokenizerFilesOn) {
  options_.base_model = folder_ / "base";
  save_hf_folder(options_.base_model, base_, tiny_tokenizer_spec(), {.name = "team/Tiny"});
  ASSERT_TRUE(save_hf_tokenizer(options_.base_model, tiny_tokenizer_spec()));
  write_file_atomic(options_.base_model / "generation_config.json", "{}");
  const Weights trained = write_full_run();
  options_.kinds = {ExportKind::Hf, ExportKind::GgufF32};
  run();
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "generation_config.json"})
    EXPECT_EQ(read_file(options_.folder / "model-hf" / name), read_file(options_.base_model / name));
  EXPECT_EQ(same_tensors(trained, load_model(options_.folder / "model-f32.gguf").weights), 20);
}

TEST_F(Export, ReplacesNoFolderThatIsNoModel) {
  write_full_run();
  options_.kinds = {ExportKind::Hf};
  fs::create_directories(options_.folder / "model-hf");
  write_file_atomic(options_.folder / "model-hf" / "precious", "x");
  EXPECT_THAT(refusal(), HasSubstr("exists and is no model"));
  EXPECT_TRUE(fs::exists(options_.folder / "model-hf" / "precious"));
}

TEST_F(Export, AnAdapterOnItsBaseIsTheMergedModel) {
  write_lora_run();
  run();
  EXPECT_THAT(files(), ElementsAre("adapter", "exports.json", "model-f16.Modelfile", "model-f16.gguf",
                                   "model-f32.Modelfile", "model-f32.gguf"));
  merge_lora(base_, load_peft_adapter(options_.folder / "adapter", tiny_config()));
  const Weights merged = load_model(options_.folder / "model-f32.gguf").weights;
  EXPECT_NO_THROW(same_tensors(base_, merged));
  EXPECT_THROW(same_tensors(random_weights(tiny_config(), 1), merged), Error);
}

TEST_F(Export, AQloraRunIsMergedIntoTheValuesThatItWasTrainedOver) {
  write_lora_run(Method::Qlora);
  options_.kinds = {ExportKind::Adapter, ExportKind::GgufF32};
  run();
  quantize_linears(base_, Nf4Codes::Kept);
  merge_lora(base_, load_peft_adapter(options_.folder / "adapter", tiny_config()));
  EXPECT_EQ(same_tensors(base_, load_model(options_.folder / "model-f32.gguf").weights), 20);
}

TEST_F(Export, ReplacesAnOlderAdapterButNoOtherFolder) {
  write_lora_run();
  options_.kinds = {ExportKind::Adapter};
  fs::create_directories(options_.folder / "adapter");
  write_file_atomic(options_.folder / "adapter" / "diary.txt", "x");
  EXPECT_THAT(refusal(), HasSubstr("exists and is no adapter"));
  EXPECT_TRUE(fs::exists(options_.folder / "adapter" / "diary.txt"));
  write_file_atomic(options_.folder / "adapter" / "adapter_config.json", "{}");
  EXPECT_EQ(refusal(), "accepted");
  EXPECT_FALSE(fs::exists(options_.folder / "adapter" / "diary.txt"));
}

TEST_F(Export, AsksTheQuestionsOfTheWorkspace) {
  write_full_run();
  for (int i = 0; i < 9; ++i) {
    PairRow pair;
    pair.key = std::to_string(i);
    pair.question = "q" + std::to_string(i);
    pair.answer = "a";
    pair.form = "imported";
    set_pair_part(workspace_.db(), add_pair(workspace_.db(), pair), i < 6 ? "train" : "reworded");
  }
  EXPECT_EQ(run().counts.at("prompts"), 6 + 2);
}

TEST_F(Export, HasNothingToDoTheSecondTimeAndRepairsWhatIsGone) {
  write_full_run();
  EXPECT_FALSE(run().up_to_date);
  EXPECT_TRUE(run().up_to_date);
  fs::remove(options_.folder / "model-f16.gguf");
  EXPECT_FALSE(run().up_to_date);
  EXPECT_TRUE(fs::exists(options_.folder / "model-f16.gguf"));
  write_file_atomic(options_.folder / "exports.json", "not json");
  EXPECT_FALSE(run().up_to_date);
}

TEST_F(Export, ReplacesTheRemainsOfAKilledExport) {
  write_full_run();
  options_.kinds = {ExportKind::GgufF16};
  fs::create_directories(options_.folder / ".unchecked-model-f16.gguf");
  run();
  EXPECT_THAT(files(), ElementsAre("exports.json", "model-f16.Modelfile", "model-f16.gguf"));
}

TEST_F(Export, SaysInOneSentenceWhyItCannot) {
  EXPECT_THAT(refusal(), HasSubstr("no usable checkpoint"));
  write_full_run();
  options_.kinds = {ExportKind::Adapter};
  EXPECT_THAT(refusal(), HasSubstr("there is no adapter to export"));
  options_.kinds = {ExportKind::GgufF16};
  write_file_atomic(folder_ / "file", "x");
  options_.folder = folder_ / "file" / "out";
  EXPECT_THAT(refusal(), HasSubstr("cannot create the folder"));
  options_.folder = folder_ / "out";
  save_gguf(options_.base_model, random_weights(tiny_config(), 9), tiny_tokenizer_spec(), "Other", GgufFloat::F32);
  EXPECT_THAT(refusal(), HasSubstr("is not the model that was trained"));
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(Export, RefusesValuesThatHalfPrecisionCannotHoldAndLeavesNothing) {
  Weights trained = random_weights(tiny_config(), 2);
  trained.layers[0].at(Linear::Up)[3] = 1e6f;
  std::vector<TrainedTensor> tensors;
  for_each_tensor(trained, [&](const std::string& name, Buffer<float>& tensor) {
    tensors.push_back({.name = name, .value = {tensor.data(), tensor.shape()}, .grad = {}});
  });
  write_run(manifest(Method::Full), tensors);
  EXPECT_THAT(refusal(), HasSubstr("does not fit into F16"));
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(Export, WritesEveryFormOfAGgufModelAndSaysWhichTensorsFallBack) {
  write_full_run();
  for (const char* name : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k"})
    options_.kinds.push_back(parse_export_kind(name));
  const StageReport report = run();
  EXPECT_EQ(report.counts.at("files"), 6);
  const auto notes = parse_json(read_file(options_.folder / "exports.json"))["files"];
  EXPECT_FALSE(notes["model-bf16.gguf"].contains("fallbacks"));
  EXPECT_EQ(notes["model-q8_0.gguf"]["fallbacks"].size(), 2);  // ffn_down of both layers, 48 wide
  EXPECT_EQ(notes["model-q4_0.gguf"]["fallbacks"]["token_embd.weight"], "Q8_0 instead of Q6_K");
  EXPECT_EQ(notes["model-q4_k.gguf"]["fallbacks"]["blk.0.attn_q.weight"], "Q5_0 instead of Q4_K");
  EXPECT_EQ(notes["model-q4_k.gguf"]["fallbacks"]["blk.1.ffn_down.weight"], "F16 instead of Q6_K");
  EXPECT_EQ(notes["model-q8_0.gguf"]["types"]["F32"], 5);
  EXPECT_EQ(read_model_info(options_.folder / "model-q8_0.gguf").file_type, "Q8_0");
  EXPECT_EQ(read_model_info(options_.folder / "model-bf16.gguf").file_type, "BF16");
  EXPECT_LT(notes["model-q4_0.gguf"]["bytes"], notes["model-q8_0.gguf"]["bytes"]);
}

TEST_F(Export, AHuggingFaceFolderInBf16ComesInShards) {
  const Weights trained = write_full_run();
  options_.kinds = {ExportKind::Hf};
  options_.hf_type = SafeFloat::BF16;
  options_.hf_shard_gb = 1e-5;
  run();
  EXPECT_TRUE(fs::exists(options_.folder / "model-hf" / "model.safetensors.index.json"));
  EXPECT_FALSE(fs::exists(options_.folder / "model-hf" / "model.safetensors"));
  const Weights reloaded = load_model(options_.folder / "model-hf").weights;
  EXPECT_EQ(reloaded.embedding[7], to_float(from_float<bf16>(trained.embedding[7])));
  options_.hf_type = SafeFloat::F32;
  EXPECT_FALSE(run().up_to_date);
}

TEST_F(Export, AGgufAdapterHoldsTheSameAdapter) {
  write_lora_run();
  options_.kinds = {ExportKind::GgufLora};
  EXPECT_EQ(run().counts.at("files"), 1);
  EXPECT_THAT(files(), ElementsAre("adapter.gguf", "exports.json"));
  const LoraWeights lora = load_checkpoint_lora(tiny_config(), options_.run, reporter_);
  EXPECT_EQ(compare_adapters(lora, load_adapter(options_.folder / "adapter.gguf", tiny_config()),
                             AdapterScale::AsTrained, "x")
                .n_tensors,
            2 * 3 * 2);
}

TEST_F(Export, TheModelfileFitsTheModelAndTheBot) {
  write_full_run();
  options_.kinds = {ExportKind::GgufF16};
  options_.topic = "boats";
  options_.temperature = 0.5;
  run();
  const std::string text = read_file(options_.folder / "model-f16.Modelfile");
  EXPECT_THAT(text, testing::StartsWith("FROM ./model-f16.gguf\n"));
  EXPECT_THAT(text, HasSubstr("TEMPLATE \"\"\"{{ range"));  // the BOS of this vocabulary is what opens a turn
  EXPECT_THAT(text, HasSubstr("boats"));
  EXPECT_THAT(text, HasSubstr("PARAMETER stop \"<|im_end|>\"\n"));
  EXPECT_THAT(text, testing::EndsWith("PARAMETER temperature 0.5\n"));
}

// Changes the bytes of one tensor of a GGUF file, as a defect of a writer would.
void damage(const fs::path& file, const std::string& tensor) {
  std::string bytes = read_file(file);
  std::size_t at = 0;
  {
    const GgufFile gguf(file);
    at = static_cast<std::size_t>(gguf.find_tensor(tensor)->offset);
  }
  std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes.begin() + static_cast<std::ptrdiff_t>(at) + 34,
                   bytes.begin() + static_cast<std::ptrdiff_t>(at) + 34);
  write_file_atomic(file, bytes);
}

TEST_F(Export, ABrokenFileIsCaughtWithItsLayerAndNothingIsLeft) {
  write_full_run();
  for (const char* name : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k"}) {
    options_.kinds = {parse_export_kind(name)};
    options_.after_write = [](ExportKind, const fs::path& file) { damage(file, "blk.1.attn_k.weight"); };
    EXPECT_THAT(refusal(), HasSubstr("layer 1 (model.layers.1.self_attn.k_proj.weight)")) << name;
    options_.after_write = [](ExportKind, const fs::path& file) { damage(file, "blk.0.ffn_up.weight"); };
    EXPECT_THAT(refusal(), HasSubstr("layer 0 (model.layers.0.mlp.up_proj.weight)")) << name;
    EXPECT_THAT(files(), ElementsAre());
  }
}

TEST_F(Export, ABrokenAdapterIsCaughtWithItsLayer) {
  write_lora_run();
  options_.kinds = {ExportKind::GgufLora};
  options_.after_write = [](ExportKind, const fs::path& file) { damage(file, "blk.1.ffn_down.weight.lora_a"); };
  EXPECT_THAT(refusal(), HasSubstr("layer 1 (model.layers.1.mlp.down_proj.weight)"));
  EXPECT_THAT(files(), ElementsAre());
}

TEST(ExportCompare, NamesTheFirstTensorAndIndexThatDiffers) {
  const Weights trained = random_weights(tiny_config(), 2);
  Weights other = random_weights(tiny_config(), 2);
  other.layers[1].at(Linear::K)[7] += 1e-6f;
  const auto compare = [&](ExportKind kind) {
    return compare_tensors(WeightsSource(trained), WeightsSource(other), tensor_types(tiny_config(), kind, {}), "file");
  };
  try {
    compare(ExportKind::GgufF32);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Internal);
    EXPECT_THAT(e.what(), HasSubstr("file differs from the trained model: layer 1 "
                                    "(model.layers.1.self_attn.k_proj.weight) at index 7"));
  }
  EXPECT_GT(compare(ExportKind::GgufQ8_0).largest_difference, 0);
  other.layers[1].at(Linear::K)[7] = NAN;
  EXPECT_THROW(compare(ExportKind::GgufQ4_0), Error);
}

TEST(ExportCompare, NamesTheFirstLayerWhoseResultDiffers) {
  const Tokenizer tokenizer(tiny_tokenizer_spec());
  const ChatTemplate chat(tokenizer);
  const Weights trained = random_weights(tiny_config(), 2);
  const TrainedAnswers answers =
      answer_prompts(WeightsSource(trained), chat, tokenizer, {{{Role::User, "what is"}}, {{Role::User, "question"}}},
                     {"a", ""}, 32, testing::TempDir());
  const auto compare = [&](const Weights& other) {
    return compare_answers(answers, WeightsSource(other), chat, "file");
  };
  const AnswerComparison same = compare(trained);
  EXPECT_EQ(same.n_same_text, 2);
  EXPECT_EQ(same.largest_score_difference, 0);
  EXPECT_NO_THROW(check_answers(same, {}, "file"));
  Weights changed = random_weights(tiny_config(), 2);
  for (std::int64_t i = 0; i < 64; ++i) changed.layers[1].at(Linear::V)[i] *= -30;
  const AnswerComparison other = compare(changed);
  EXPECT_EQ(other.state_differences[1], 0);
  for (const ExportKind kind : {ExportKind::GgufF32, ExportKind::GgufF16}) {
    try {
      check_answers(other, export_bounds(kind, {}), "file");
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("the first layer that differs is layer 1:"));
    }
  }
}

TEST(ExportCompare, NoticesAnotherTemplate) {
  TokenizerSpec spec = tiny_tokenizer_spec();
  const Tokenizer tokenizer(spec);
  const Weights weights = random_weights(tiny_config(), 2);
  const TrainedAnswers answers = answer_prompts(WeightsSource(weights), ChatTemplate(tokenizer), tokenizer,
                                                {{{Role::User, "a question"}}}, {}, 32, testing::TempDir());
  spec.merges.erase(spec.merges.begin());  // "q u" of "question"
  const Tokenizer changed(spec);
  EXPECT_THROW((void)compare_answers(answers, WeightsSource(weights), ChatTemplate(changed), "file"), Error);
}

TEST(ExportKinds, AreNamedAndSuggested) {
  EXPECT_EQ(parse_export_kind("f16"), ExportKind::GgufF16);
  EXPECT_EQ(parse_export_kind("adapter"), ExportKind::Adapter);
  EXPECT_EQ(parse_export_kind("gguf-lora"), ExportKind::GgufLora);
  EXPECT_EQ(export_file_name(parse_export_kind("q4_k")), "model-q4_k.gguf");
  EXPECT_THROW((void)parse_export_kind("f8"), Error);
}

}  // namespace
}  // namespace faqsmith
