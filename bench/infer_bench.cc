// Speed of inference on a real model: prefill of 512 tokens, then N replies at once (prompt 128, 96 new tokens), the
// same work as llama.cpp is given. Random tokens: only speed means anything. Usage: infer_bench MODEL.gguf [bf16|f32]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "infer/engine.h"
#include "model/weights.h"
#include "sys/parallel.h"
#include "tensor/device.h"

namespace faqsmith {
namespace {

int n_runs = 5;
std::vector<int> sequences = {1, 8, 32};
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

void bench(const fs::path& path, const Cpu& cpu) {
  ModelFile file = load_model(path, HashFile::No);
  const Tokenizer tokenizer(std::move(file.tokenizer));
  std::printf("%s, %s\n", path.filename().c_str(), describe_cpu(cpu).c_str());
  Engine engine(cpu, std::move(file.weights), tokenizer, tokenizer.eos(), {.max_sequences = 64});
  Rng rng(7);
  const TokenId vocab = tokenizer.vocab_size();
  (void)time_replies(engine, vocab, rng, 2, 512, 1);  // warm-up
  std::vector<double> speeds;
  for (int run = 0; run < n_runs; ++run) speeds.push_back(512 / time_replies(engine, vocab, rng, 1, 512, 1));
  const auto prefill = spread_of(speeds);
  std::printf("prefill 512:  %6.0f tok/s (%.0f to %.0f)\n", prefill.median, prefill.least, prefill.most);
  bench_wordings(engine, vocab, rng);
  bench_scores(engine, vocab, rng);
  for (int n : sequences) {
    // The peer's clock starts after the prompts: the time of prompts and one token each is taken off.
    speeds.clear();
    std::vector<double> whole;
    for (int run = 0; run < n_runs; ++run) {
      const double prompts = time_replies(engine, vocab, rng, n, 128, 1);
      const double all = time_replies(engine, vocab, rng, n, 128, 97);
      speeds.push_back(96.0 * n / (all - prompts));
      whole.push_back(97.0 * n / all);
    }
    const auto decode = spread_of(speeds);
    std::printf("%2d at once:   %6.0f new tok/s (%.0f to %.0f); with their prompts %.0f\n", n, decode.median,
                decode.least, decode.most, spread_of(whole).median);
  }
}

}  // namespace
}  // namespace faqsmith

int main(int argc, char** argv) {
  using namespace faqsmith;
  if (argc < 2)
    return std::fprintf(stderr, "usage: infer_bench MODEL.gguf [bf16|f32] [runs] [wall|cpu] [replies at once]\n"), 2;
  Cpu cpu = detect_cpu();
  if (argc > 2) cpu.compute = std::strcmp(argv[2], "bf16") == 0 ? Compute::Bf16 : Compute::F32;
  if (argc > 3) n_runs = std::max(1, std::atoi(argv[3]));
  processor_time = argc > 4 && std::strcmp(argv[4], "cpu") == 0;
  if (argc > 5) sequences = std::vector<int>(std::atoi(argv[5]) > 0 ? 1 : 0, std::atoi(argv[5]));  // 0 = none
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    bench(argv[1], cpu);
  } catch (const Error& e) {
    return std::fprintf(stderr, "%s\n%s\n", e.what(), e.hint().c_str()), 1;
  }
}
