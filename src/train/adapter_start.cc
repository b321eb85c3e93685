// The adapter is read whole, so that whatever is wrong with it shows before training begins.
#include "train/adapter_start.h"

#include "base/error.h"
#include "base/hash.h"

namespace faqsmith {
namespace {

std::string hash_of(const LoraWeights& lora) {
  std::string bytes;
  for (const auto& layer : lora.layers) {
    for (const auto& pair : layer) {
      if (!pair) continue;
      for (const Buffer<float>* values : {&pair->a, &pair->b, &pair->magnitude}) {
        const auto* data = reinterpret_cast<const char*>(values->data());
        if (!values->empty()) bytes += sha256_hex({data, static_cast<std::size_t>(values->size()) * sizeof(float)});
      }
    }
  }
  return sha256_hex(bytes);
}

}  // namespace

void take_adapter(TrainOptions& options, const LlamaConfig& model) {
  if (options.adapter.empty()) return;
  if (options.method == Method::Full) {
    throw Error(Kind::User, "train.adapter names an adapter to go on from, but train.method is full",
                "set train.method: lora, or leave train.adapter out");
  }
  const LoraWeights lora = load_adapter(options.adapter, model);
  const float dropout = options.lora.dropout;
  if (lora.config.dora && dropout > 0) {
    throw Error(Kind::User, "DoRA with dropout is not supported, and the adapter of train.adapter is a DoRA",
                "set lora.dropout to 0");
  }
  if (options.method == Method::Auto) options.method = Method::Lora;
  options.lora = lora.config;
  options.lora.dropout = dropout;
  options.lora_targets.clear();
  options.lora_layers.clear();
  options.adapter_sha256 = hash_of(lora);
}

}  // namespace faqsmith
