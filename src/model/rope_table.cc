// Apart from the formulas, so that readers of model files need no kernels.
#include "model/rope_scaling.h"

namespace faqsmith {

RopeTable make_rope_table(const LlamaConfig& config, std::int64_t max_positions) {
  const ScaledFrequencies scaled = scaled_frequencies(config);
  return RopeTable(max_positions, scaled.frequencies, scaled.scale);
}

}  // namespace faqsmith
