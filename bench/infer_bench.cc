// Speed of inference on a real model: prefill of 512 tokens, then N replies at once (prompt 128, 96 new tokens), the
// same work as llama.cpp is given. Random tokens: only speed means anything. Usage: see main()
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/engine.h"
#include "model/weights.h"
#include "sys/parallel.h"
#include "tensor/buffer.h"
#include "tensor/device.h"

namespace faqsmith {
namespace {

int n_runs = 5;
std::vector<int> sequences = {1, 8, 32};
WeightForm weight_form = WeightForm::Packed;
Determinism determinism = Determinism::AnyBatch;
bool only_steps = false;      // without prefill, wordings and scores
bool processor_time = false;  // on a machine that others use too: processor seconds a thread instead of wall clock

double now_s() {
  if (!processor_time)
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec)) / n_threads();
}

struct Spread {
  double median, least, most;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

std::vector<TokenId> random_prompt(std::size_t n, TokenId vocab, Rng& rng) {
  std::vector<TokenId> ids(n);
  for (auto& id : ids) id = static_cast<TokenId>(100 + rng.below(static_cast<std::uint64_t>(vocab) - 200));
  return ids;
}

// Seconds of one call; a different prompt each time, so that nothing is shared.
double time_replies(Engine& engine, TokenId vocab, Rng& rng, int n, std::size_t prompt, int new_tokens) {
  std::vector<GenerateJob> jobs;
  for (int i = 0; i < n; ++i) {
    jobs.push_back({.prompt = random_prompt(prompt, vocab, rng), .max_tokens = new_tokens, .at_end = AtEnd::Continue});
  }
  const double start = now_s();
  const auto results = engine.generate(jobs, {});
  const double seconds = now_s() - start;
  for (const auto& result : results) require(result.failure.empty(), result.failure);
  return seconds;
}

// Generation of data: 4 facts x 48 samples, 9 few-shot prompts of 300 tokens that all share, 60 tokens of their own for
// each fact and prompt, 15 new tokens at temperature 0.85 and top-p 0.95.
void bench_wordings(Engine& engine, TokenId vocab, Rng& rng) {
  std::vector<GenerateJob> jobs;
  std::vector<std::vector<TokenId>> shots, own;
  for (int i = 0; i < 9; ++i) shots.push_back(random_prompt(300, vocab, rng));
  for (int i = 0; i < 36; ++i) own.push_back(random_prompt(60, vocab, rng));
  for (std::size_t i = 0; i < 4 * 48; ++i) {
    GenerateJob job{.prompt = shots[i % 9], .max_tokens = 15, .at_end = AtEnd::Continue};
    const auto& tail = own[i / 48 * 9 + i % 9];
    job.prompt.insert(job.prompt.end(), tail.begin(), tail.end());
    job.sampling = {.temperature = 0.85, .top_p = 0.95, .seed = i};
    jobs.push_back(std::move(job));
  }
  const auto rows = engine.scheduler().n_rows_computed();
  const double start = now_s();
  (void)engine.generate(jobs, {});
  const double seconds = now_s() - start;
  std::printf("wordings:     %6.1f replies/s (192 in %.2f s, %.0f rows computed)\n", 192 / seconds, seconds,
              static_cast<double>(engine.scheduler().n_rows_computed() - rows));
}

// Likelihood of 4 answers of 50 tokens after each of 64 questions of 40 tokens.
void bench_scores(Engine& engine, TokenId vocab, Rng& rng) {
  std::vector<ScoreJob> jobs;
  for (int q = 0; q < 64; ++q) {
    const auto question = random_prompt(40, vocab, rng);
    for (int a = 0; a < 4; ++a) jobs.push_back({.prompt = question, .continuation = random_prompt(50, vocab, rng)});
  }
  const double start = now_s();
  (void)engine.score(jobs);
  const double seconds = now_s() - start;
  std::printf("scores:       %6.1f a second (256 in %.2f s)\n", 256 / seconds, seconds);
}

// Milliseconds of one decode step by kind of work, at 128 to 224 keys a sequence. `limit`: the bytes that a step reads
// of weights and of the cache, at the speed of a copy.
void print_step(const StepTimes& t, double seconds, int n_steps, double weight_bytes, double cache_bytes,
                double copy_speed) {
  const auto ms = [&](double s) { return 1e3 * s / n_steps; };
  const double rest = seconds - t.products - t.head - t.attention - t.pointwise - t.sampling;
  std::printf(
      "  a step: %.2f ms = products %.2f, head %.2f, attention %.2f, pointwise %.2f, sampling %.2f, rest %.2f; "
      "limit %.2f (weights %.0f MB, cache %.0f MB)\n",
      ms(seconds), ms(t.products), ms(t.head), ms(t.attention), ms(t.pointwise), ms(t.sampling), ms(rest),
      1e3 * (weight_bytes + cache_bytes) / copy_speed, weight_bytes / 1e6, cache_bytes / 1e6);
}

StepTimes minus(const StepTimes& a, const StepTimes& b) {
  return {a.products - b.products, a.head - b.head, a.attention - b.attention, a.pointwise - b.pointwise,
          a.sampling - b.sampling};
}

double anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return 1024.0 * std::atof(line.c_str() + 8);
  }
  return 0;
}

// Bytes a second that all threads together read from memory: the sum of 1 GB.
double read_speed() {
  constexpr std::int64_t kWords = std::int64_t{1} << 27;
  Buffer<std::uint64_t> memory({kWords});
  for (std::int64_t i = 0; i < kWords; ++i) memory[i] = static_cast<std::uint64_t>(i);
  double best = 1e9;
  std::atomic<std::uint64_t> sum = 0;
  for (int run = 0; run < 5; ++run) {
    const double start = now_s();
    parallel_for(kWords, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t own = 0;
      for (std::int64_t i = begin; i < end; ++i) own += memory[i];
      sum += own;
    });
    best = std::min(best, now_s() - start);
  }
  require(sum != 0, "the sum is used");
  return 8.0 * static_cast<double>(kWords) / best;
}

void bench(const fs::path& path, const Cpu& cpu) {
  const double copy_speed = read_speed();
  std::printf("memory: %.1f GB/s read\n", copy_speed / 1e9);
  ModelFile file = load_model(path, HashFile::No, Residency::AsStored);
  const Tokenizer tokenizer(std::move(file.tokenizer));
  std::printf("%s, %s\n", path.filename().c_str(), describe_cpu(cpu).c_str());
  StepTimes times{.now_s = now_s};
  const auto config = file.weights.config;
  Engine engine(cpu, std::move(file.weights), tokenizer, tokenizer.eos(),
                {.max_sequences = 64, .weights = weight_form, .determinism = determinism, .times = &times});
  const auto weight_bytes = static_cast<double>(engine.weight_bytes());
  std::printf("weights in memory: %.1f MB; anonymous memory of the process: %.0f MB\n", weight_bytes / 1e6,
              anonymous_bytes() / 1e6);
  Rng rng(7);
  const TokenId vocab = tokenizer.vocab_size();
  (void)time_replies(engine, vocab, rng, 2, 512, 1);  // warm-up
  std::vector<double> speeds;
  for (int run = 0; run < n_runs && !only_steps; ++run)
    speeds.push_back(512 / time_replies(engine, vocab, rng, 1, 512, 1));
  if (!only_steps) {
    const auto prefill = spread_of(speeds);
    std::printf("prefill 512:  %6.0f tok/s (%.0f to %.0f)\n", prefill.median, prefill.least, prefill.most);
    bench_wordings(engine, vocab, rng);
    bench_scores(engine, vocab, rng);
  }
  for (int n : sequences) {
    // The peer's clock starts after the prompts: the time of prompts and one token each is taken off.
    speeds.clear();
    std::vector<double> whole;
    StepTimes decoding;
    double decoding_s = 0;
    for (int run = 0; run < n_runs; ++run) {
      times = {.now_s = now_s};
      const double prompts = time_replies(engine, vocab, rng, n, 128, 1);
      const StepTimes of_prompts = std::exchange(times, {.now_s = now_s});
      const double all = time_replies(engine, vocab, rng, n, 128, 97);
      decoding = minus(times, of_prompts);
      decoding_s = all - prompts;
      speeds.push_back(96.0 * n / (all - prompts));
      whole.push_back(97.0 * n / all);
    }
    const auto decode = spread_of(speeds);
    std::printf("%2d at once:   %6.0f new tok/s (%.0f to %.0f); with their prompts %.0f\n", n, decode.median,
                decode.least, decode.most, spread_of(whole).median);
    const double keys = 128 + 96 / 2, element = cpu.compute == Compute::Bf16 ? 2 : 4;
    const double cache = n * keys * static_cast<double>(config.n_layers * 2 * config.kv_size()) * element;
    print_step(decoding, decoding_s, 96, weight_bytes, cache, copy_speed);
  }
}

}  // namespace
}  // namespace faqsmith

int main(int argc, char** argv) {
  using namespace faqsmith;
  shorten_waiting(argv);
  if (argc < 2) {
    return std::fprintf(stderr,
                        "usage: infer_bench MODEL [bf16|f32] [runs] [wall|cpu] [replies at once, 0 for none, or all] "
                        "[packed|blocks|quantised] [step|whole] [any-batch|same-batch]\n"),
           2;
  }
  const auto argument = [&](int i) { return std::string_view(argc > i ? argv[i] : ""); };
  Cpu cpu = detect_cpu();
  if (argc > 2) cpu.compute = argument(2) == "bf16" ? Compute::Bf16 : Compute::F32;
  if (argc > 3) n_runs = std::max(1, std::atoi(argv[3]));
  processor_time = argument(4) == "cpu";
  if (argc > 5 && argument(5) != "all")
    sequences = std::vector<int>(std::atoi(argv[5]) > 0 ? 1 : 0, std::atoi(argv[5]));
  if (argument(6) == "blocks") weight_form = WeightForm::Blocks;
  if (argument(6) == "quantised") weight_form = WeightForm::Quantised;
  only_steps = argument(7) == "step";
  if (argument(8) == "same-batch") determinism = Determinism::SameBatch;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    bench(argv[1], cpu);
  } catch (const Error& e) {
    return std::fprintf(stderr, "%s\n%s\n", e.what(), e.hint().c_str()), 1;
  }
}
