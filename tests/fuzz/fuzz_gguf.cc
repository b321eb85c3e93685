// Any bytes as a GGUF file: refused with Error(Input), or every tensor of it can be decoded.
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "tensor/quants.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const GgufHeader header = parse_gguf(bytes, "fuzz");
    for (const GgufTensor& tensor : header.tensors) {
      if (!find_type(tensor.type)->supported) continue;
      std::vector<float> out(static_cast<std::size_t>(tensor.n_elements));
      dequantize(static_cast<GgmlType>(tensor.type), bytes.subspan(tensor.offset, tensor.n_bytes), out.data(),
                 tensor.n_elements);
    }
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
