// Any bytes as a model file: refused with Error(Input), or a whole model with finite weights comes out.
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "memory_file.h"
#include "model/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  const MemoryFile file(data, size);
  try {
    const ModelFile model = load_model(file.path(), HashFile::No);
    for_each_tensor(model.weights, [](const std::string&, const Buffer<float>& tensor) {
      for (std::int64_t i = 0; i < tensor.size(); ++i) {
        if (!std::isfinite(tensor[i])) std::abort();
      }
    });
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
