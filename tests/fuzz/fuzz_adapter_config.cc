// Any text as adapter_config.json: refused with Error(Input), or settings that a model can be built from.
#include <cstdlib>

#include "base/error.h"
#include "model/lora.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  LlamaConfig model;
  model.n_layers = 12;
  try {
    const LoraConfig config =
        parse_peft_config({reinterpret_cast<const char*>(data), size}, "adapter_config.json", model);
    if (config.rank < 1 || config.targets.empty() || !(config.scale() > 0)) std::abort();
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
