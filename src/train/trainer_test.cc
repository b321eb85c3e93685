// The loop on a tiny seeded model: it learns, resumes to the same bytes, survives damaged checkpoints and bad steps.
#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "train/adapter_start.h"

namespace faqsmith {
namespace {

constexpr TokenId kEnd = 1;

LlamaConfig tiny() {
  return {.hidden_size = 32,
          .intermediate_size = 48,
          .n_layers = 2,
          .n_heads = 4,
          .n_kv_heads = 2,
          .head_dim = 8,
          .vocab_size = 64,
          .max_positions = 64,
          .rope_theta = 10000.0f,
          .rms_norm_eps = 1e-5f,
          .tied_embeddings = true};
}

// The answer repeats the question's first token three times: learnable in a few steps.
std::vector<Example> questions(int n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Example> all;
  for (int i = 0; i < n; ++i) {
    Example e{.name = "pair " + std::to_string(i), .ids = {}, .trained = {}, .asked = {}, .n_answers = 1};
    const auto first = static_cast<TokenId>(2 + rng.below(8));
    for (int k = 0; k < 6; ++k) {
      e.ids.push_back(k == 0 ? first : static_cast<TokenId>(10 + rng.below(50)));
      e.trained.push_back(false);
    }
    for (const TokenId id : {first, first, first, kEnd}) {
      e.ids.push_back(id);
      e.trained.push_back(true);
    }
    all.push_back(std::move(e));
  }
  return all;
}

class RecordingReporter final : public Reporter {
 public:
  void begin(std::string_view, std::int64_t, std::string_view) override {}
  void update(std::int64_t, std::string_view) override {}
  void end(std::string_view) override {}
  void note(std::string_view) override {}
  void warn(std::string_view line) override { warnings.emplace_back(line); }
  std::vector<std::string> warnings;
};

class Trainer : public testing::Test {
 protected:
  Trainer() : folder_(fs::temp_directory_path() / ("faqsmith_trainer_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    data_ = {.train = questions(60, 1), .validation = questions(12, 2), .held_out = {}};
    options_.learning_rate = 3e-3;
    options_.steps = 40;
    options_.rows_per_step = 8;
    options_.validate_every = 10;
    options_.save_every = 10;
    options_.patience = 0;
  }
  ~Trainer() override { fs::remove_all(folder_); }
  void set_method(Method method) {
    options_.method = method;
    options_.lora.dropout = 0.1f;
  }
  TrainResult run(const std::string& name, Reporter& reporter) {
    Weights weights = random_weights(tiny(), 3);
    return train({}, {"tiny", "base hash"}, weights, data_, kEnd, options_, folder_ / name, reporter);
  }
  TrainResult run(const std::string& name) {
    SilentReporter silent;
    return run(name, silent);
  }
  [[nodiscard]] fs::path newest(const std::string& name, CheckpointKind kind) const {
    return list_checkpoints(folder_ / name, kind).at(0);
  }
  [[nodiscard]] std::string bytes(const std::string& name, CheckpointKind kind) const {
    std::string all;
    for (const char* file : {"manifest.json", "weights.safetensors", "optimizer.safetensors"}) {
      const fs::path path = newest(name, kind) / file;
      if (fs::exists(path)) all += faqsmith::read_file(path);
    }
    return all;
  }
  fs::path folder_;
  TrainData data_;
  TrainOptions options_;
};

constexpr const char* kChildRun = "FAQSMITH_TRAINER_TEST_RUN";  // set in a child: the folder that it trains
constexpr const char* kChildMethod = "FAQSMITH_TRAINER_TEST_METHOD";

// Starts this program anew as a child that only trains (a mere fork would inherit locked threads), and kills it without
// warning as soon as the metrics show `step` steps.
void run_and_kill(const fs::path& run, Method method, int step) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(kChildRun, run.c_str(), 1);
    ::setenv(kChildMethod, method_name(method), 1);
    ::execl("/proc/self/exe", "train_test", "--gtest_filter=Trainer.ChildOfTheKillTest", static_cast<char*>(nullptr));
    ::_exit(1);
  }
  for (;;) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      EXPECT_EQ(status, 0) << "the child ended by itself";
      return;
    }
    std::ifstream metrics(run / "metrics.jsonl");
    const std::string text{std::istreambuf_iterator<char>(metrics), {}};
    if (text.find("\"step\":" + std::to_string(step) + ",") != std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
}

TEST_F(Trainer, FullFineTuningLearnsAndKeepsItsBest) {
  const TrainResult result = run("full");
  EXPECT_EQ(result.method, Method::Full);
  EXPECT_EQ(result.steps, 40);
  EXPECT_LT(result.last_loss, 2.6);  // from log 64 = 4.2
  EXPECT_GT(result.best_step, 0);
  Weights loaded = random_weights(tiny(), 3);
  SilentReporter silent;
  const Manifest manifest = load_checkpoint_into(loaded, folder_ / "full", silent);
  EXPECT_EQ(manifest.state.best_step, result.best_step);
  auto graph = make_full_graph({}, loaded, {.max_tokens = 200, .max_length = 20});
  Pack pack;
  for (const Example& e : data_.validation) append_sequence(pack, e.ids, e.trained);
  EXPECT_NEAR(graph->loss(pack) / static_cast<double>(pack.n_labelled()), result.best_loss, 1e-5);
}

// Its adapter, as each of the files that training can go on from.
TEST_F(Trainer, GoesOnFromAnAdapterInAnyForm) {
  options_.method = Method::Lora;
  options_.lora = {.rank = 4, .alpha = 12, .rslora = false, .targets = {Linear::Q, Linear::Down}};
  options_.learning_rate = 1e-2;
  const TrainResult first = run("first");
  SilentReporter silent;
  const LoraWeights lora = load_checkpoint_lora(tiny(), folder_ / "first", silent);
  save_peft_adapter(folder_ / "adapter", lora, tiny(), "tiny");
  save_gguf_adapter(folder_ / "adapter.gguf", lora, tiny(), "tiny");
  options_ = {
      .method = Method::Auto, .lora = {}, .learning_rate = 1e-4, .steps = 4, .rows_per_step = 8, .validate_every = 2};
  std::vector<std::string> trained;
  for (const char* form : {"adapter", "adapter.gguf"}) {
    TrainOptions& options = options_;
    options.method = Method::Auto;
    options.lora = {};
    options.adapter = folder_ / form;
    take_adapter(options, tiny());
    EXPECT_EQ(options.method, Method::Lora);
    EXPECT_EQ(options.lora.rank, 4);
    EXPECT_EQ(options.lora.targets, lora.config.targets);
    const TrainResult result = run(std::string("on-") + form);
    EXPECT_LT(result.best_loss, first.best_loss * 1.05);  // a new adapter would begin far above
    trained.push_back(read_file(newest(std::string("on-") + form, CheckpointKind::Last) / "weights.safetensors"));
  }
  EXPECT_TRUE(trained[0] == trained[1]);
  const std::string with = options_json(options_);
  options_.adapter_sha256 = "";
  EXPECT_NE(options_json(options_), with);
}

TEST_F(Trainer, RefusesAnAdapterThatDoesNotFit) {
  Rng rng(1);
  LlamaConfig wider = tiny();
  wider.intermediate_size = 64;
  save_peft_adapter(folder_ / "adapter", init_lora(wider, {.rank = 2, .dora = true}, rng), wider, "wider");
  options_.adapter = folder_ / "adapter";
  const auto refusal = [&](const LlamaConfig& model) {
    try {
      take_adapter(options_, model);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal(tiny()), testing::HasSubstr("mlp.gate_proj.lora_B.weight"));
  options_.method = Method::Full;
  EXPECT_THAT(refusal(wider), testing::HasSubstr("train.method is full"));
  options_.method = Method::Auto;
  options_.lora.dropout = 0.1f;
  EXPECT_THAT(refusal(wider), testing::HasSubstr("DoRA with dropout"));
  options_.lora.dropout = 0;
  EXPECT_EQ(refusal(wider), "accepted");
  options_.adapter = folder_ / "nothing";
  EXPECT_THAT(refusal(wider), testing::HasSubstr("is no adapter"));
}

TEST_F(Trainer, LoraLearnsAndMergesToTheSameLoss) {
  options_.method = Method::Lora;
  options_.lora.rank = 8;
  options_.learning_rate = 2e-2;
  const TrainResult result = run("lora");
  EXPECT_LT(result.last_loss, 4.0);
  Weights merged = random_weights(tiny(), 3);
  SilentReporter silent;
  (void)load_checkpoint_into(merged, folder_ / "lora", silent);
  auto graph = make_full_graph({}, merged, {.max_tokens = 200, .max_length = 20});
  Pack pack;
  for (const Example& e : data_.validation) append_sequence(pack, e.ids, e.trained);
  EXPECT_NEAR(graph->loss(pack) / static_cast<double>(pack.n_labelled()), result.best_loss, 1e-4);
  EXPECT_NO_THROW((void)load_checkpoint_lora(tiny(), folder_ / "lora", silent));
  LlamaConfig other = tiny();
  other.vocab_size = 32;
  Weights wrong = random_weights(other, 3);
  EXPECT_THROW((void)load_checkpoint_into(wrong, folder_ / "lora", silent), Error);
}

TEST_F(Trainer, StreamedAndPackedWeightsTrainTheSameBytes) {
  for (const Method method : {Method::Lora, Method::Qlora}) {
    set_method(method);
    const std::string name = method_name(method);
    options_.base_memory = BaseMemory::Packed;
    const TrainResult packed = run(name + "_packed");
    options_.base_memory = BaseMemory::Streamed;
    const TrainResult streamed = run(name + "_streamed");
    EXPECT_EQ(packed.last_loss, streamed.last_loss);
    for (const CheckpointKind kind : {CheckpointKind::Last, CheckpointKind::Best})
      EXPECT_EQ(bytes(name + "_packed", kind), bytes(name + "_streamed", kind)) << name;
  }
}

// The base of QLoRA is NF4: trained over the float32 values that it decodes to, LoRA gives the same bytes of weights.
TEST_F(Trainer, QloraIsLoraOnTheValuesThatNf4DecodesTo) {
  SilentReporter silent;
  set_method(Method::Qlora);
  const TrainResult qlora = run("qlora");
  Weights decoded = random_weights(tiny(), 3);
  quantize_linears(decoded, Nf4Codes::Kept);
  EXPECT_NE(decoded.layers[0].at(Linear::Q)[0], random_weights(tiny(), 3).layers[0].at(Linear::Q)[0]);
  set_method(Method::Lora);
  const TrainResult lora = train({}, {"tiny", "base hash"}, decoded, data_, kEnd, options_, folder_ / "lora", silent);
  EXPECT_EQ(qlora.last_loss, lora.last_loss);
  EXPECT_EQ(qlora.best_loss, lora.best_loss);
  const auto weights_of = [&](const char* name) {
    return faqsmith::read_file(newest(name, CheckpointKind::Last) / "weights.safetensors");
  };
  EXPECT_EQ(weights_of("qlora"), weights_of("lora"));
  Weights merged = random_weights(tiny(), 3), expected = random_weights(tiny(), 3);
  (void)load_checkpoint_into(merged, folder_ / "qlora", silent);
  quantize_linears(expected, Nf4Codes::Kept);
  merge_lora(expected, load_checkpoint_lora(tiny(), folder_ / "qlora", silent));
  for (std::int64_t i = 0; i < expected.layers[1].at(Linear::Up).size(); ++i)
    ASSERT_EQ(merged.layers[1].at(Linear::Up)[i], expected.layers[1].at(Linear::Up)[i]);
}

TEST_F(Trainer, AFrozenModelTakesAFullCheckpointAsItsBytesStand) {
  (void)run("full");
  SilentReporter silent;
  Weights masters = random_weights(tiny(), 3), frozen = random_weights(tiny(), 3);
  const std::vector<float> zeros(static_cast<std::size_t>(tiny().vocab_size * tiny().intermediate_size));
  for_each_matrix(frozen, [&](const std::string&, WeightMatrix& matrix) {
    const auto all = std::as_bytes(std::span(zeros)).first(static_cast<std::size_t>(matrix.size()) * sizeof(float));
    matrix = WeightMatrix(matrix.shape(), {.bytes = all, .owner = nullptr});
  });
  (void)load_checkpoint_into(masters, folder_ / "full", silent);
  (void)load_checkpoint_into(frozen, folder_ / "full", silent);
  EXPECT_EQ(resident_bytes(frozen), 0u);
  fs::remove_all(folder_ / "full");
  for_each_matrix(frozen, [](const std::string&, WeightMatrix& matrix) { matrix = WeightMatrix(matrix.decode()); });
  EXPECT_EQ(frozen.embedding[5], masters.embedding[5]);
  for (std::int64_t i = 0; i < masters.layers[1].at(Linear::Down).size(); ++i)
    ASSERT_EQ(frozen.layers[1].at(Linear::Down)[i], masters.layers[1].at(Linear::Down)[i]);
}

TEST_F(Trainer, ChildOfTheKillTest) {
  const char *folder = std::getenv(kChildRun), *method = std::getenv(kChildMethod);
  if (!folder || !method) GTEST_SKIP() << "only run by AKilledRunEndsWithTheSameBytes";
  set_method(parse_method(method));
  (void)run(folder);
}

TEST_F(Trainer, AKilledRunEndsWithTheSameBytes) {
  for (const Method method : {Method::Full, Method::Lora, Method::Qlora}) {
    set_method(method);
    const std::string name = method_name(method);
    run_and_kill(folder_ / (name + "_killed"), method, 17);
    run_and_kill(folder_ / (name + "_killed"), method, 34);
    (void)run(name + "_killed");
    (void)run(name + "_straight");
    EXPECT_EQ(bytes(name + "_killed", CheckpointKind::Last), bytes(name + "_straight", CheckpointKind::Last));
    EXPECT_EQ(bytes(name + "_killed", CheckpointKind::Best), bytes(name + "_straight", CheckpointKind::Best));
  }
}

TEST_F(Trainer, TakesFewerStepsWhereTimeRunsShortAndRemembersIt) {
  options_.steps = 4000;
  options_.seconds = 1e-3;  // spent before the first ten steps are
  const TrainResult result = run("short");
  EXPECT_EQ(result.steps, 20);
  EXPECT_FALSE(result.stopped_early);
  EXPECT_EQ(run("short").steps, 20);  // resumed: finished
  options_.seconds = 0;
  options_.steps = 40;
  options_.seconds = 1e6;
  EXPECT_EQ(run("enough").steps, 40);
}

TEST_F(Trainer, AFinishedRunReturnsAtOnce) {
  (void)run("done");
  const auto before = fs::last_write_time(newest("done", CheckpointKind::Last) / "manifest.json");
  EXPECT_EQ(run("done").steps, 40);
  EXPECT_EQ(fs::last_write_time(newest("done", CheckpointKind::Last) / "manifest.json"), before);
}

// Twenty places of a file, its first and last byte among them, one bit each.
std::vector<std::size_t> places_in(const std::string& text) {
  std::vector<std::size_t> places;
  constexpr std::size_t kPlaces = 20;
  for (std::size_t i = 0; i < kPlaces; ++i) places.push_back(i * (text.size() - 1) / (kPlaces - 1));
  return places;
}

TEST_F(Trainer, AFlippedBitInAnyFileOfTheNewestCheckpointLeavesTheOneBefore) {
  data_.validation.clear();  // then the run keeps its last two
  (void)run("damaged");
  const auto folders = list_checkpoints(folder_ / "damaged", CheckpointKind::Last);
  ASSERT_EQ(folders.size(), 2u);
  int n_flipped = 0;
  for (const char* name : {"manifest.json", "weights.safetensors", "optimizer.safetensors"}) {
    const fs::path file = folders[0] / name;
    const std::string whole = faqsmith::read_file(file);
    for (const std::size_t place : places_in(whole)) {
      std::string text = whole;
      text[place] = static_cast<char>(text[place] ^ (1 << (place % 7)));
      write_file_atomic(file, text);
      RecordingReporter reporter;
      const auto found = first_good(folders, reporter);
      ASSERT_TRUE(found) << name << " at " << place;
      EXPECT_EQ(found->folder, folders[1]) << name << " at " << place;
      ASSERT_EQ(reporter.warnings.size(), 1u) << name << " at " << place;
      EXPECT_THAT(reporter.warnings[0], testing::AllOf(testing::HasSubstr(file.string()), testing::HasSubstr("damaged"),
                                                       testing::HasSubstr("the checkpoint before it is tried")));
      ++n_flipped;
    }
    write_file_atomic(file, whole);
  }
  EXPECT_EQ(n_flipped, 60);
}

void damage(const fs::path& file) {
  std::string text = faqsmith::read_file(file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 4);
  write_file_atomic(file, text);
}

TEST_F(Trainer, FromTheCheckpointBeforeADamagedOneTheRunEndsWithTheSameBytes) {
  data_.validation.clear();
  (void)run("straight");
  (void)run("damaged");
  for (const char* name : {"manifest.json", "weights.safetensors", "optimizer.safetensors"}) {
    damage(newest("damaged", CheckpointKind::Last) / name);
    RecordingReporter reporter;
    EXPECT_EQ(run("damaged", reporter).steps, 40);
    EXPECT_EQ(reporter.warnings.size(), 1u);
    EXPECT_EQ(bytes("damaged", CheckpointKind::Last), bytes("straight", CheckpointKind::Last)) << name;
  }
}

TEST_F(Trainer, AMissingFileIsNoticedAndForInferenceTheCheckpointBeforeIsUsed) {
  data_.validation.clear();
  (void)run("damaged");
  const auto folders = list_checkpoints(folder_ / "damaged", CheckpointKind::Last);
  ASSERT_EQ(folders.size(), 2u);
  fs::remove(folders[0] / "weights.safetensors");
  RecordingReporter reporter;
  Weights weights = random_weights(tiny(), 3);
  EXPECT_EQ(load_checkpoint_into(weights, folder_ / "damaged", reporter).state.step, 30);
  ASSERT_EQ(reporter.warnings.size(), 1u);
  EXPECT_THAT(reporter.warnings[0], testing::HasSubstr("weights.safetensors is missing"));
  fs::remove(folders[1] / "manifest.json");
  EXPECT_THROW((void)load_checkpoint_into(weights, folder_ / "damaged", reporter), Error);
  EXPECT_THAT(reporter.warnings.back(), testing::HasSubstr("has no manifest.json"));
}

TEST_F(Trainer, WithoutAnyWholeCheckpointItSaysWhatToDoAndTrainsNothing) {
  data_.validation.clear();
  (void)run("damaged");
  for (const fs::path& folder : list_checkpoints(folder_ / "damaged", CheckpointKind::Last))
    damage(folder / "optimizer.safetensors");
  RecordingReporter reporter;
  try {
    (void)run("damaged", reporter);
    ADD_FAILURE() << "went on from a damaged checkpoint";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), testing::HasSubstr("none of the 2 checkpoints"));
    EXPECT_THAT(e.hint(), testing::HasSubstr("remove that folder"));
  }
  EXPECT_EQ(reporter.warnings.size(), 2u);
}

TEST_F(Trainer, AnotherRunsCheckpointIsRefused) {
  (void)run("mine");
  options_.seed = 77;
  EXPECT_THROW((void)run("mine"), Error);
}

TEST_F(Trainer, ACheckpointOfAnotherModelIsRefusedByName) {
  (void)run("mine");
  LlamaConfig other = tiny();
  other.n_layers = 3;
  Weights weights = random_weights(other, 3);
  SilentReporter silent;
  try {
    (void)load_checkpoint_into(weights, folder_ / "mine", silent);
    ADD_FAILURE() << "took a checkpoint of another shape";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::Input);
    EXPECT_THAT(e.what(), testing::HasSubstr("a model of another shape (tiny)"));
  }
  try {
    (void)train({}, {"other", "other hash"}, weights, data_, kEnd, options_, folder_ / "mine", silent);
    ADD_FAILURE() << "resumed a run of another model";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("other data, settings or base model"));
    EXPECT_THAT(e.hint(), testing::HasSubstr("remove this one to start over"));
  }
}

TEST_F(Trainer, SixteenPacksOfOneGiveTheWeightsOfOnePackOfSixteen) {
  options_.steps = 5;
  (void)run("one_pack");
  options_.max_length = 10;
  options_.micro_tokens = 10;  // every example is 10 tokens: one a pack
  (void)run("many_packs");
  Weights a = random_weights(tiny(), 3), b = random_weights(tiny(), 3);
  SilentReporter silent;
  (void)load_checkpoint_into(a, folder_ / "one_pack", silent);
  (void)load_checkpoint_into(b, folder_ / "many_packs", silent);
  for (std::int64_t i = 0; i < a.embedding.size(); ++i) ASSERT_NEAR(a.embedding[i], b.embedding[i], 2e-4f);
}

TEST_F(Trainer, OnlyTheChosenModulesAreTrainedAndTheAdapterRemembersThem) {
  set_method(Method::Lora);
  options_.lora_targets = {R"(.*\.1\.mlp\.(up|down)_proj)", "0.self_attn.q_proj"};
  options_.steps = 10;
  (void)run("chosen");
  SilentReporter silent;
  const LoraWeights lora = load_checkpoint_lora(tiny(), folder_ / "chosen", silent);
  const std::vector<std::vector<Linear>> expected = {{Linear::Q}, {Linear::Up, Linear::Down}};
  EXPECT_EQ(lora.config.by_layer, expected);
  int n_pairs = 0;
  for (std::size_t i = 0; i < lora.layers.size(); ++i) {
    for (std::size_t l = 0; l < kLinearsPerLayer; ++l) {
      const auto& pair = lora.layers[i][l];
      ASSERT_EQ(pair.has_value(), lora.config.has(static_cast<std::int64_t>(i), static_cast<Linear>(l)));
      if (!pair) continue;
      ++n_pairs;
      EXPECT_NE(std::count(pair->b.data(), pair->b.data() + pair->b.size(), 0.0f), pair->b.size()) << "not trained";
    }
  }
  EXPECT_EQ(n_pairs, 3);
  const std::string before = bytes("chosen", CheckpointKind::Last);
  (void)run("chosen");  // finished: the same selection is the same run
  EXPECT_EQ(bytes("chosen", CheckpointKind::Last), before);
  options_.lora_targets = {"3.mlp.up_proj"};
  EXPECT_THROW((void)run("other"), Error);
}

TEST_F(Trainer, StopsEarlyWhenValidationNoLongerImproves) {
  options_.steps = 400;
  options_.validate_every = 2;
  options_.patience = 3;
  options_.min_improvement = 0.5;
  const TrainResult result = run("early");
  EXPECT_TRUE(result.stopped_early);
  EXPECT_LT(result.steps, 400);
}

TEST_F(Trainer, WeightsThatAreNoNumbersEndWithAdviceAndNoCheckpoint) {
  Weights weights = random_weights(tiny(), 3);
  weights.final_norm[0] = NAN;
  RecordingReporter reporter;
  try {
    (void)train({}, {"tiny", "base hash"}, weights, data_, kEnd, options_, folder_ / "nan", reporter);
    ADD_FAILURE() << "trained on NaN";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("diverged"));
    EXPECT_THAT(e.hint(), testing::HasSubstr("train.learning_rate"));
  }
  EXPECT_EQ(reporter.warnings.size(), 5u);  // max_bad_steps, each shown
  EXPECT_TRUE(list_checkpoints(folder_ / "nan", CheckpointKind::Last).empty());
}

TEST_F(Trainer, SpikesInARowSetTheWeightsBackAndAtLastEndTheRun) {
  options_.learning_rate = 1e-6;   // the loss stays level, so that half of all steps lie above its mean …
  options_.spike_factor = 1.0001;  // … and count as spikes
  options_.max_bad_steps = 2;
  options_.steps = 300;
  RecordingReporter reporter;
  EXPECT_THROW((void)run("spikes", reporter), Error);
  EXPECT_EQ(std::count_if(reporter.warnings.begin(), reporter.warnings.end(),
                          [](const std::string& w) { return w.find("weights set back to step") != std::string::npos; }),
            2);
}

TEST_F(Trainer, ANonFiniteStepChangesNothing) {
  Weights weights = random_weights(tiny(), 3);
  auto graph = make_full_graph({}, weights, {.max_tokens = 20, .max_length = 20});
  TrainOptions options = options_;
  Optimizer optimizer({}, graph->trained(), options);
  graph->zero_gradients();
  graph->trained()[3].grad.data[5] = NAN;
  const double norm = optimizer.gradient_norm(1.0);
  EXPECT_FALSE(std::isfinite(norm));
  EXPECT_THROW(optimizer.step(1e-3, 1.0, norm), Error);
  EXPECT_EQ(optimizer.updates(), 0);
}

TEST_F(Trainer, MetricsHaveALineAStepAndAValidation) {
  (void)run("metrics");
  const std::string text = faqsmith::read_file(folder_ / "metrics" / "metrics.jsonl");
  int steps = 0, validations = 0;
  for (const std::string_view line : split(text, '\n')) {
    steps += line.find("\"gradient_norm\"") != std::string_view::npos;
    validations += line.find("\"validation_loss\"") != std::string_view::npos;
  }
  EXPECT_EQ(steps, 40);
  EXPECT_EQ(validations, 4);
}

TEST_F(Trainer, TheForecastNamesStepsTokensAndMemory) {
  const TrainForecast forecast = forecast_training({}, tiny(), data_, options_);
  EXPECT_EQ(forecast.steps, 40);
  EXPECT_DOUBLE_EQ(forecast.tokens, 40 * 8 * 10);
  EXPECT_EQ(forecast.trained_parameters, tiny().n_parameters());
  EXPECT_GT(forecast.memory_bytes, 4u * 4u * static_cast<std::uint64_t>(tiny().n_parameters()));
}

TEST_F(Trainer, TheForecastStreamsFrozenWeightsWhereTheyDoNotFitPacked) {
  LlamaConfig large = tiny();  // packed in both orientations, no machine holds it
  large.hidden_size = 16384, large.head_dim = 4096, large.intermediate_size = 65536, large.n_layers = 1000;
  const StoredSizes stored{.linears = 7000, .embedding = 100, .head = 0};
  options_.method = Method::Lora;
  const TrainForecast streamed = forecast_training({}, large, data_, options_, stored);
  EXPECT_EQ(streamed.base, FrozenBase::Streamed);
  EXPECT_EQ(streamed.mapped_bytes, 7100u);
  const TrainForecast small = forecast_training({}, tiny(), data_, options_, stored);
  EXPECT_EQ(small.base, FrozenBase::Packed);
  EXPECT_EQ(small.mapped_bytes, 100u);
  options_.base_memory = BaseMemory::Packed;
  const TrainForecast packed = forecast_training({}, large, data_, options_, stored);
  EXPECT_EQ(packed.base, FrozenBase::Packed);
  EXPECT_GT(packed.memory_bytes, 2 * streamed.memory_bytes);
  options_.method = Method::Qlora;
  options_.base_memory = BaseMemory::Streamed;
  const TrainForecast qlora = forecast_training({}, large, data_, options_, stored);
  EXPECT_EQ(qlora.mapped_bytes, 100u);  // the linears are in memory, in 4 bits
  EXPECT_GT(qlora.memory_bytes, streamed.memory_bytes + static_cast<std::uint64_t>(large.n_parameters()) / 2);
}

TEST_F(Trainer, TooLittleMemoryIsRefusedWithWhatToLower) {
  const auto refusal = [&](Method method, BaseMemory base, std::uint64_t available) -> std::string {
    options_.method = method;
    options_.base_memory = base;
    try {
      check_memory(forecast_training({}, tiny(), data_, options_), options_, available);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::Device);
      return e.what() + std::string(" / ") + e.hint();
    }
    return "accepted";
  };
  using testing::HasSubstr;
  const std::uint64_t little = std::uint64_t{1} << 20, enough = std::uint64_t{1} << 36;
  EXPECT_THAT(refusal(Method::Full, BaseMemory::Auto, little), HasSubstr("set train.method to lora"));
  EXPECT_THAT(refusal(Method::Lora, BaseMemory::Packed, little),
              HasSubstr("set train.base_memory to auto or streamed"));
  EXPECT_THAT(refusal(Method::Lora, BaseMemory::Streamed, little), HasSubstr("lower train.micro_tokens (now "));
  EXPECT_THAT(refusal(Method::Qlora, BaseMemory::Streamed, little), HasSubstr("set train.method to lora"));
  EXPECT_EQ(refusal(Method::Full, BaseMemory::Auto, enough), "accepted");
}

}  // namespace
}  // namespace faqsmith
