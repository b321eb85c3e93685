// Names are compared with the list of all modules: at most a few hundred.
#include "model/lora_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/strings.h"
#include "text/name_pattern.h"

namespace faqsmith {
namespace {

constexpr const char* kAllLinear = "all-linear";

bool ends_with_module(const std::string& name, const std::string& end) {
  return name == end || name.ends_with("." + end);
}

template <class Matches>
std::vector<std::vector<Linear>> choose(const LlamaConfig& model, const Matches& matches) {
  std::vector<std::vector<Linear>> by_layer(static_cast<std::size_t>(model.n_layers));
  for (std::int64_t i = 0; i < model.n_layers; ++i) {
    for (int l = 0; l < kLinearsPerLayer; ++l) {
      const auto linear = static_cast<Linear>(l);
      if (matches(hf_module_name(i, linear))) by_layer[static_cast<std::size_t>(i)].push_back(linear);
    }
  }
  return by_layer;
}

bool is_empty(const std::vector<std::vector<Linear>>& by_layer) {
  return std::all_of(by_layer.begin(), by_layer.end(), [](const auto& layer) { return layer.empty(); });
}

std::string what_there_is(const LlamaConfig& model) {
  std::vector<std::string> linears;
  linears.reserve(kLinearsPerLayer);
  for (int l = 0; l < kLinearsPerLayer; ++l) linears.emplace_back(peft_name(static_cast<Linear>(l)));
  return fmt::format("this model has {} to {}, in each layer {}", hf_module_name(0, Linear::Q),
                     hf_module_name(model.n_layers - 1, Linear::Down), join(linears, ", "));
}

std::vector<std::vector<Linear>> find_or_throw(const LlamaConfig& model, const std::string& target) {
  try {
    return modules_named(model, target, Naming::EndOrPattern);
  } catch (const Error& e) {
    throw Error(Kind::User, fmt::format("lora.targets: {}", e.what()), e.hint());
  }
}

// A number of the range, or nothing where the text is none.
std::optional<std::int64_t> to_layer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::set<std::int64_t> chosen_layers(const LlamaConfig& model, const std::vector<std::string>& ranges) {
  std::set<std::int64_t> layers;
  const std::int64_t last_layer = model.n_layers - 1;
  for (const std::string& range : ranges) {
    const std::size_t dash = range.find('-');
    const auto first = to_layer(trim(std::string_view(range).substr(0, dash)));
    const std::string_view rest = dash == std::string::npos ? "" : trim(std::string_view(range).substr(dash + 1));
    const auto last = dash == std::string::npos ? first : rest.empty() ? std::optional(last_layer) : to_layer(rest);
    if (!first || !last || *first > *last || *last > last_layer) {
      throw Error(Kind::User, fmt::format("lora.layers has '{}', which is no layer of this model", range),
                  fmt::format("it has layers 0 to {}; write 0-5, 20- or single numbers", last_layer));
    }
    for (std::int64_t i = *first; i <= *last; ++i) layers.insert(i);
  }
  return layers;
}

}  // namespace

std::vector<std::vector<Linear>> modules_named(const LlamaConfig& model, const std::string& name, Naming naming) {
  if (name == kAllLinear) return choose(model, [](const std::string&) { return true; });
  if (naming != Naming::PatternOnly) {
    auto found = choose(model, [&](const std::string& module) { return ends_with_module(module, name); });
    if (naming == Naming::EndOnly || !is_empty(found)) return found;
  }
  const NamePattern pattern(name);
  return choose(model, [&](const std::string& module) { return pattern.matches(module); });
}

void set_modules(LoraConfig& config, std::vector<std::vector<Linear>> by_layer) {
  std::set<Linear> all;
  for (std::vector<Linear>& layer : by_layer) {
    std::sort(layer.begin(), layer.end());
    layer.erase(std::unique(layer.begin(), layer.end()), layer.end());
    all.insert(layer.begin(), layer.end());
  }
  config.targets.assign(all.begin(), all.end());
  const bool same = std::all_of(by_layer.begin(), by_layer.end(), [&](const auto& l) { return l == config.targets; });
  config.by_layer = same ? std::vector<std::vector<Linear>>{} : std::move(by_layer);
}

void select_modules(LoraConfig& config, const LlamaConfig& model, const std::vector<std::string>& targets,
                    const std::vector<std::string>& layers) {
  std::vector<std::vector<Linear>> chosen(static_cast<std::size_t>(model.n_layers));
  for (const std::string& target : targets) {
    const auto found = find_or_throw(model, target);
    if (is_empty(found)) {
      throw Error(Kind::User, fmt::format("lora.targets has '{}', which matches no linear of this model", target),
                  what_there_is(model));
    }
    for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i].insert(chosen[i].end(), found[i].begin(), found[i].end());
  }
  const std::set<std::int64_t> kept = chosen_layers(model, layers);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!layers.empty() && !kept.contains(static_cast<std::int64_t>(i))) chosen[i].clear();
  }
  if (is_empty(chosen)) {
    throw Error(Kind::User, "lora.targets and lora.layers together choose no linear",
                "widen one of them: " + what_there_is(model));
  }
  set_modules(config, std::move(chosen));
}

}  // namespace faqsmith
