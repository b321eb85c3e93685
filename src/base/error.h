// The one exception type. Promise: every error a user can meet says what is wrong and what to do about it.
// Caught in three places only: main (exit code), the stage runner (run marked failed), later the HTTP handler.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace faqsmith {

enum class Kind {
  User,      // wrong flag, setting or order of commands: exit code 2
  Input,     // a document, model or data file is broken or unsupported: exit code 1
  Device,    // the processor or accelerator lacks something: exit code 1
  Io,        // disk full, permission, lock held: exit code 1
  Internal,  // an invariant of ours is broken: exit code 1
};

class Error : public std::runtime_error {
 public:
  // what: one sentence that names the file and place. hint: one sentence that says what to do; may be empty.
  Error(Kind kind, const std::string& what, std::string hint = "")
      : std::runtime_error(what), kind_(kind), hint_(std::move(hint)) {}
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const std::string& hint() const { return hint_; }

 private:
  Kind kind_;
  std::string hint_;
};

// Throws Error(Internal).
[[noreturn]] void broken_invariant(std::string_view invariant);
// Checks an invariant in every build.
inline void require(bool holds, std::string_view invariant) {
  if (!holds) broken_invariant(invariant);
}

}  // namespace faqsmith
