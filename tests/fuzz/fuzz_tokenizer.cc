// Any bytes as tokenizer.model (first byte even) or tokenizer.json (odd): refused with Error(Input), or a tokenizer
// comes out whose ids are its own and whose text holds no control token.
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "model/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  static const fs::path folder = [] {
    std::string name = (fs::temp_directory_path() / "faqsmith_fuzz_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    return fs::path(name);
  }();
  if (size == 0) return 0;
  fs::remove(folder / "tokenizer.json");
  std::ofstream(folder / (data[0] % 2 == 0 ? "tokenizer.model" : "tokenizer.json"), std::ios::binary)
      .write(reinterpret_cast<const char*>(data) + 1, static_cast<std::streamsize>(size - 1));
  try {
    const Tokenizer tokenizer(read_hf_tokenizer(folder));
    for (const TokenId id : tokenizer.encode({reinterpret_cast<const char*>(data), size})) {
      if (id < 0 || id >= tokenizer.vocab_size() || tokenizer.is_control(id)) std::abort();
    }
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
