// The stable name of a pair: the same fact, form and question give the same key in every run and workspace.
#pragma once
#include <string>
#include <string_view>

#include "base/hash.h"

namespace faqsmith {

[[nodiscard]] inline std::string pair_key(std::string_view fact_key, std::string_view form, std::string_view question) {
  std::string all(fact_key);
  all += '\x1f';
  all += form;
  all += '\x1f';
  all += question;
  return sha256_hex(all).substr(0, 32);
}

}  // namespace faqsmith
