// Which linears of which layers get an adapter: named as PEFT's target_modules and layers_to_transform name them.
#pragma once
#include <string>
#include <vector>

#include "model/lora.h"

namespace faqsmith {

// What a module is called by: a linear ("q_proj"), the end of module names ("self_attn.q_proj", "3.mlp.up_proj") or
// "all-linear"; if a target is none of these, a regular expression for the whole name of a module
// ("model.layers.3.self_attn.q_proj"), as PEFT reads a target_modules that is no list.
// layers: numbers from 0 and ranges ("0-5", "20-"); none: all layers. They narrow down what the targets choose.
// Sets config.targets and config.by_layer. Throws Error(User) if a target matches nothing or a layer is not there,
// with what there is.
void select_modules(LoraConfig& config, const LlamaConfig& model, const std::vector<std::string>& targets,
                    const std::vector<std::string>& layers);

// The same from lists of linears, [n_layers]: by_layer stays empty where all layers have the same.
void set_modules(LoraConfig& config, std::vector<std::vector<Linear>> by_layer);

// Linears that a name chooses, [n_layers]; all empty if it chooses none. Throws Error(Input) for a pattern that is no
// regular expression.
enum class Naming { EndOrPattern, EndOnly, PatternOnly };
[[nodiscard]] std::vector<std::vector<Linear>> modules_named(const LlamaConfig& model, const std::string& name,
                                                             Naming naming);

}  // namespace faqsmith
