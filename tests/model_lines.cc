// Helper of tests/broken_models_test.py: model_lines < lines. A line is ["model" | "tokenizer" | "adapter", path, base
// model of the adapter]; each answer line is {"error", "hint", "seconds", "growth"}: growth is by how many bytes the
// resident memory rose above what it was before, at most.
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/json_text.h"
#include "model/lora.h"
#include "model/tokenizer_files.h"
#include "model/weights.h"

namespace {

using nlohmann::json;

// "VmRSS:" or "VmHWM:" of this process, in bytes.
std::int64_t memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kib = 0;
    if (word == field && status >> kib) return kib << 10;
  }
  return 0;
}

void load(const json& line) {
  using namespace faqsmith;
  const std::string kind = line.at(0), path = line.at(1);
  if (kind == "tokenizer") {
    (void)read_hf_tokenizer(path);
  } else if (kind == "adapter") {
    (void)load_peft_adapter(path, read_model_info(line.at(2).get<std::string>()).config);
  } else {
    (void)load_model(path, HashFile::No);
  }
}

json refusal(const json& line) {
  try {
    load(line);
  } catch (const faqsmith::Error& e) {
    if (e.kind() != faqsmith::Kind::Input)
      return {{"error", std::string("not Kind::Input: ") + e.what()}, {"hint", ""}};
    return {{"error", e.what()}, {"hint", e.hint()}};
  }
  return {{"error", "accepted"}, {"hint", ""}};
}

}  // namespace

int main() {
  for (std::string text; std::getline(std::cin, text);) {
    const json line = faqsmith::parse_json(text);
    std::ofstream("/proc/self/clear_refs") << "5";  // the high-water mark begins anew
    const std::int64_t before = memory("VmRSS:");
    const auto begin = std::chrono::steady_clock::now();
    json answer = refusal(line);
    answer["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    answer["growth"] = memory("VmHWM:") - before;
    std::cout << faqsmith::json_text(answer) << std::endl;
  }
}
