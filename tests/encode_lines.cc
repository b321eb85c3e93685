// Helper of the tokenizer scripts: encode_lines SOURCE < lines. SOURCE is a Hugging Face folder, a GGUF file or a .json
// file that holds the vocabulary as GGUF has it; a line is {"text": …} or {"hex": raw bytes}; each answer line holds
// the ids, with --decode also the text that they become again. The last line on stderr is the encoding time.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "model/tokenizer_files.h"
#include "model/weights.h"

namespace {

using nlohmann::json;

faqsmith::TokenizerSpec read_spec(const faqsmith::fs::path& path) {
  if (faqsmith::fs::is_directory(path)) return faqsmith::read_hf_tokenizer(path);
  if (path.extension() == ".gguf") return faqsmith::read_model_info(path).tokenizer;
  std::ifstream file(path);
  const json fields = json::parse(file);
  faqsmith::TokenizerSpec spec;
  spec.model = fields.at("model");
  spec.pre = fields.at("pre");
  spec.tokens = fields.at("tokens").get<std::vector<std::string>>();
  spec.token_types = fields.at("token_types").get<std::vector<std::int32_t>>();
  spec.merges = fields.at("merges").get<std::vector<std::string>>();
  return spec;
}

std::string bytes_of_line(const json& line) {
  if (line.contains("text")) return line.at("text");
  const std::string hex = line.at("hex");
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const bool decodes = argc == 3 && std::string(argv[2]) == "--decode";
  if (argc != 2 && !decodes) {
    std::fputs("usage: encode_lines SOURCE [--decode] < lines.jsonl\n", stderr);
    return 2;
  }
  try {
    const faqsmith::Tokenizer tokenizer(read_spec(argv[1]));
    std::chrono::steady_clock::duration spent{};
    std::size_t n_bytes = 0;
    for (std::string line; std::getline(std::cin, line);) {
      const std::string text = bytes_of_line(json::parse(line));
      const auto start = std::chrono::steady_clock::now();
      const std::vector<faqsmith::TokenId> ids = tokenizer.encode(text);
      spent += std::chrono::steady_clock::now() - start;
      n_bytes += text.size();
      std::cout << (decodes ? json({{"ids", ids}, {"text", tokenizer.decode(ids)}}) : json(ids)).dump() << "\n";
    }
    const double seconds = std::chrono::duration<double>(spent).count();
    std::fprintf(stderr, "encoded %zu bytes in %.6f s\n", n_bytes, seconds);
  } catch (const faqsmith::Error& error) {
    std::fprintf(stderr, "error: %s (%s)\n", error.what(), error.hint().c_str());
    return 1;
  }
}
