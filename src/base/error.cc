// Out of line so that the header stays light.
#include "base/error.h"

namespace faqsmith {

void require(bool holds, std::string_view invariant) {
  if (!holds) {
    throw Error(Kind::Internal, "broken invariant: " + std::string(invariant),
                "this is a bug of faqsmith: please report it");
  }
}

}  // namespace faqsmith
