// Any bytes as a safetensors file: refused with Error(Input), or every float tensor of it can be read.
#include <vector>

#include "base/error.h"
#include "formats/safetensors.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  const MemoryFile memory(data, size);
  try {
    const SafetensorsFile file(memory.path());
    for (const SafeTensor& tensor : file.header().tensors) {
      if (tensor.dtype != "F32" && tensor.dtype != "F16" && tensor.dtype != "BF16") continue;
      std::vector<float> out(static_cast<std::size_t>(tensor.n_elements));
      file.read_floats(tensor, out.data());
    }
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
