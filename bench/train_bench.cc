// Real training speed on question/answer pairs, for comparison with bench/peers: median tokens a second over steps of
// 16 pairs (padding is never counted, the first step is warm-up), and where a step's time goes.
//   train_bench MODEL.gguf PAIRS.jsonl full|lora [steps] [f32|bf16]
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/strings.h"
#include "faq/prompts.h"
#include "sys/file.h"
#include "sys/parallel.h"
#include "train/trainer.h"

namespace faqsmith {
namespace {

constexpr std::int64_t kMaxAnswerTokens = 110;  // as the peer cuts them

// The middle of a long answer is left out: the end-of-turn token stays.
void shorten_answer(Example& example, TokenId end_of_turn) {
  std::int64_t answer_tokens = 0;
  Example out;
  out.name = example.name;
  for (std::size_t i = 0; i < example.ids.size(); ++i) {
    if (example.trained[i] && ++answer_tokens > kMaxAnswerTokens && example.ids[i] != end_of_turn) continue;
    out.ids.push_back(example.ids[i]);
    out.trained.push_back(example.trained[i]);
  }
  example = std::move(out);
}

TrainData read_pairs(const fs::path& path, const ChatTemplate& chat) {
  TrainData data;
  const std::string text = read_file(path);
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    const auto row = parse_json(line);
    std::vector<Message> messages = bot_messages("the Debian system", row.at("question").get<std::string>());
    messages.push_back({Role::Assistant, row.at("answer").get<std::string>()});
    RenderedChat rendered = chat.render(messages);
    Example example;
    example.name = "a pair";
    example.ids = std::move(rendered.ids);
    example.trained = std::move(rendered.trained);
    data.train.push_back(std::move(example));
    shorten_answer(data.train.back(), chat.end_of_turn());
  }
  return data;
}

class PrintingReporter final : public Reporter {
 public:
  void begin(std::string_view what, std::int64_t, std::string_view) override { fmt::print("{}\n", what); }
  void update(std::int64_t done, std::string_view detail) override {
    fmt::print("step {} {}\n", done, detail);
    std::fflush(stdout);
  }
  void end(std::string_view) override {}
  void note(std::string_view line) override { fmt::print("{}\n", line); }
  void warn(std::string_view line) override { fmt::print("{}\n", line); }
};

int run(int argc, char** argv) {
  if (argc < 4) throw Error(Kind::User, "usage: train_bench MODEL.gguf PAIRS.jsonl full|lora [steps] [f32|bf16]", "");
  Cpu cpu = detect_cpu();
  if (argc > 5) cpu.compute = std::string(argv[5]) == "f32" ? Compute::F32 : Compute::Bf16;
  ModelFile model = load_model(argv[1]);
  const Tokenizer tokenizer(model.tokenizer);
  const ChatTemplate chat(tokenizer);
  const TrainData data = read_pairs(argv[2], chat);
  TrainOptions options;
  options.method = parse_method(argv[3]);
  options.steps = argc > 4 ? std::atoi(argv[4]) + 1 : 7;
  options.save_every = options.steps + 1;
  options.question_weight = 0;  // the peer has no loss on questions
  const TrainForecast forecast = forecast_training(cpu, model.weights.config, data, options);
  fmt::print("{}; {:.0f} tokens a step, forecast {}\n", describe_cpu(cpu),
             forecast.tokens / static_cast<double>(forecast.steps),
             human_bytes(static_cast<double>(forecast.memory_bytes)));
  const fs::path folder = fs::temp_directory_path() / fmt::format("faqsmith_train_bench_{}", argv[3]);
  fs::remove_all(folder);
  PrintingReporter reporter;
  const TrainResult result =
      train(cpu, {model.name, model.sha256}, model.weights, data, chat.end_of_turn(), options, folder, reporter);
  fs::remove_all(folder);
  for (const auto& [part, seconds] : result.seconds_by) {
    fmt::print("{:>24} {:8.1f} ms a step\n", part, 1e3 * seconds / static_cast<double>(result.steps));
  }
  fmt::print("RESULT {} median real tok/s {:.0f}\n", argv[3], result.median_tokens_per_second);
  return 0;
}

}  // namespace
}  // namespace faqsmith

int main(int argc, char** argv) {
  faqsmith::shorten_waiting(argv);
  try {
    return faqsmith::run(argc, argv);
  } catch (const faqsmith::Error& e) {
    fmt::print(stderr, "{}\n{}\n", e.what(), e.hint());
    return 1;
  }
}
