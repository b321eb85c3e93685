// Out of line so that the header stays light.
#include "base/error.h"

namespace faqsmith {

void broken_invariant(std::string_view invariant) {
  throw Error(Kind::Internal, "broken invariant: " + std::string(invariant),
              "this is a bug of faqsmith: please report it");
}

}  // namespace faqsmith
