// Apart from the kernels, so that readers of model files need none of them.
#include <cmath>

#include "ops/rope.h"

namespace faqsmith {

std::vector<double> rope_frequencies(std::int64_t head_dim, double theta) {
  require(head_dim > 0 && head_dim % 2 == 0, "rotary embedding turns pairs: head_dim is even");
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < head_dim / 2; ++i)
    frequencies.push_back(std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim)));
  return frequencies;
}

}  // namespace faqsmith
