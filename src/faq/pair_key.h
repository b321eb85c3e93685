// The stable name of a pair: the same fact, form and question give the same key in every run and workspace. And which
// forms of question there are.
#pragma once
#include <string>
#include <string_view>

#include "base/hash.h"

namespace faqsmith {

// pairs.form: original (stood in the document), keywords, plain, context, rule (reworded by rule), derived (made of a
// statement by rule), teacher (a question reworded by a teacher), asked (of the answer by a teacher), unanswerable,
// imported.
[[nodiscard]] inline bool is_from_teacher(std::string_view form) {
  return form == "teacher" || form == "asked";
}

[[nodiscard]] inline std::string pair_key(std::string_view fact_key, std::string_view form, std::string_view question) {
  std::string all(fact_key);
  all += '\x1f';
  all += form;
  all += '\x1f';
  all += question;
  return sha256_hex(all).substr(0, 32);
}

}  // namespace faqsmith
