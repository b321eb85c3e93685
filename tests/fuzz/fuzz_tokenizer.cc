// Any bytes as a vocabulary file, by their first byte: tokenizer.model (even) or tokenizer.json (odd) is refused with
// Error(Input), or a tokenizer comes out whose ids are its own and whose text holds no control token. Memory files
// only: what stands beside a vocabulary is JSON of other kinds, fuzzed as hf_config.
#include <cstdlib>

#include "base/error.h"
#include "memory_file.h"
#include "model/tokenizer_parts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  if (size == 0) return 0;
  const MemoryFile file(data + 1, size - 1);
  try {
    const Tokenizer tokenizer(data[0] % 2 == 0 ? read_tokenizer_model(file.path()) : read_tokenizer_json(file.path()));
    for (const TokenId id : tokenizer.encode({reinterpret_cast<const char*>(data), size})) {
      if (id < 0 || id >= tokenizer.vocab_size() || tokenizer.is_control(id)) std::abort();
    }
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
