// Any bytes as a chat template: refused with Error(Input), or one of the known formats.
#include "base/error.h"
#include "text/chat_recognise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace faqsmith;
  try {
    (void)chat::recognise(std::string(reinterpret_cast<const char*>(data), size), "<s>", "</s>");
  } catch (const Error& e) {
    if (e.kind() != Kind::Input) throw;
  }
  return 0;
}
