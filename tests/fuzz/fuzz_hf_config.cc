// Any text as config.json or as an index of shards: refused with Error(Input), or a shape that can be run and plain
// file names.
#include <cstdlib>

#include "base/error.h"
#include "model/config_hf.h"
#include "model/hf_shards.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    validate(parse_hf_config(text, "config.json").config, "config.json");
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  try {
    for (const auto& [shard, tensors] : parse_hf_index(text, "index.json")) {
      if (shard.find('/') != std::string::npos || shard.starts_with('.') || tensors.empty()) std::abort();
    }
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
